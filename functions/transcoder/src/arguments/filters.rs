//! The way of a picture from the decoder to the encoders.

use super::List;
use crate::plan::{Colours, Conversion, Origin, Plan, Preparation, Rung};

/// The colour of the plain picture behind a sound.
const PLAIN: &str = "0x1d2330";

/// The graph with an output `[v0]`, `[v1]` … for each of `rungs`, all from one decode.
pub(super) fn graph(plan: &Plan, rungs: &[&Rung]) -> String {
    let preparation = &plan.preparation;
    let best = rungs.first().map_or((2, 2), |rung| (rung.width, rung.height));
    let (input, mut common) = match plan.video {
        Origin::Stream(stream) => (format!("[0:{stream}]"), moving(preparation, best)),
        Origin::Cover(stream) => (format!("[0:{stream}]"), still(plan, best)),
        Origin::Plain => (String::new(), vec![plain(best, plan)]),
    };
    let outputs: String = (0..rungs.len()).map(|n| format!("[s{n}]")).collect();
    common.push(format!("split={}{outputs}", rungs.len()));
    let mut graph = vec![format!("{input}{}", common.join(","))];
    for (n, rung) in rungs.iter().enumerate() {
        let size = scale((rung.width, rung.height), preparation);
        graph.push(format!("[s{n}]{size},setsar=1,format=yuv420p,{}[v{n}]", told(&preparation.colours)));
    }
    graph.join(";")
}

/// Moving pictures, up to where the sizes part.
fn moving(preparation: &Preparation, best: (u32, u32)) -> Vec<String> {
    let mut filters: Vec<String> = woven(preparation).into_iter().collect();
    if let Some(rate) = preparation.rate {
        // From zero, so that a picture that starts late does not move the cuts.
        filters.push(format!("fps={rate}:start_time=0"));
    }
    if let Some(seconds) = preparation.hold_last {
        filters.push(format!("tpad=stop_mode=clone:stop_duration={seconds:.3}"));
    }
    filters.extend(thinned(preparation));
    if changes_light(preparation) {
        filters.extend(coloured(preparation, best));
    }
    filters
}

/// In pauses, the first picture of each second alone: enough to begin a segment, and to seek.
fn thinned(preparation: &Preparation) -> Option<String> {
    let paused = within_any(&preparation.pauses)?;
    let new_second = "gt(floor(t+0.00001),floor(prev_selected_t+0.00001))";
    Some(format!("select='not(n)+{new_second}+not({paused})'"))
}

/// Whether `t` is within one of `spans`, as FFmpeg's expression. By halves: a sum of a hundred terms in a row is deeper
/// than its parser goes.
fn within_any(spans: &[(f64, f64)]) -> Option<String> {
    match spans {
        [] => None,
        [(from, to)] => Some(format!("between(t,{from:.3},{to:.3})")),
        spans => {
            let (first, second) = spans.split_at(spans.len() / 2);
            Some(format!("({}+{})", within_any(first)?, within_any(second)?))
        }
    }
}

/// One picture, shown as long as the sound lasts.
fn still(plan: &Plan, best: (u32, u32)) -> Vec<String> {
    let rate = plan.preparation.rate.unwrap_or_default();
    let seconds = plan.duration.unwrap_or_default();
    // One more than are shown. Without a number FFmpeg 7 goes on looping after the cut, if that comes soon.
    let pictures = (seconds * rate.value().unwrap_or_default()).ceil() + 1.0;
    let mut filters = coloured(&plan.preparation, best);
    filters.push("format=yuv420p".to_owned());
    filters.push(format!("loop=loop={pictures:.0}:size=1"));
    filters.push(format!("setpts=N*{}/({}*TB),fps={rate}:start_time=0", rate.den, rate.num));
    filters.push(format!("trim=duration={seconds:.3}"));
    filters
}

/// A source of plain pictures, as long as the sound lasts.
pub(super) fn plain((width, height): (u32, u32), plan: &Plan) -> String {
    let rate = plan.preparation.rate.unwrap_or_default();
    let seconds = plan.duration.unwrap_or_default();
    format!("color=c={PLAIN}:s={width}x{height}:r={rate}:d={seconds:.3}")
}

/// Two fields made one picture.
pub(super) fn woven(preparation: &Preparation) -> Option<String> {
    preparation.deinterlace.then(|| "bwdif=mode=send_frame".to_owned())
}

/// Brought to `size`, and to colours that players show. Scaled first: light is reckoned in
/// floating point.
pub(super) fn coloured(preparation: &Preparation, size: (u32, u32)) -> Vec<String> {
    let mut filters = vec![scale(size, preparation)];
    if let Some(transfer) = &preparation.tone_map {
        filters.push(tone_map(transfer));
    } else if preparation.colours.conversion == Conversion::Gamut {
        filters.push(narrowed());
    }
    filters
}

fn changes_light(preparation: &Preparation) -> bool {
    preparation.tone_map.is_some() || preparation.colours.conversion == Conversion::Gamut
}

fn scale((width, height): (u32, u32), preparation: &Preparation) -> String {
    let matrix = if preparation.colours.conversion == Conversion::Matrix { ":out_color_matrix=bt709" } else { "" };
    format!("scale={width}:{height}:flags=bicubic:out_range=limited{matrix}")
}

/// High dynamic range to BT.709, by light and not by relabelling.
fn tone_map(transfer: &str) -> String {
    format!(
        "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,\
         tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
    )
}

/// BT.2020 with an ordinary range of brightness to BT.709.
fn narrowed() -> String {
    "zscale=tin=bt709:min=bt2020nc:pin=bt2020:t=bt709:m=bt709:p=bt709:r=limited,format=yuv420p".to_owned()
}

/// Tells encoders what the values mean, and they the players.
fn told(colours: &Colours) -> String {
    let Colours { matrix, primaries, transfer, .. } = colours;
    format!("setparams=range=tv:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}")
}

/// Values as JPEG has them: BT.601 and full range.
pub(super) fn jpeg(colours: &Colours) -> String {
    format!("scale=in_color_matrix={}:out_color_matrix=bt601:out_range=full,format=yuvj420p", colours.scaler_matrix())
}

impl List {
    /// A still or moving picture of the upload, or a plain one, as the input of an image.
    pub(super) fn map_picture(&mut self, plan: &Plan) {
        match plan.video {
            Origin::Stream(stream) | Origin::Cover(stream) => self.add(["-map", &format!("0:{stream}")]),
            Origin::Plain => self.add(["-map", "0:0"]),
        }
    }
}
