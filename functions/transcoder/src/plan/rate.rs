//! The constant rate that an encoded picture gets.

use crate::probe::{Ratio, Stream};

/// Above this a rate is brought down, pictures a second: 60, and what is meant to be.
pub(super) const HIGHEST: f64 = 60.5;

/// The rate that an encoded picture gets: the source's, constant, at most 60.
///
/// Screen recorders and phones write pictures when something changes; on a constant grid each is
/// shown within half a picture of its time, and every segment can be cut at its 4 s.
pub(super) fn constant(video: &Stream) -> (f64, Ratio) {
    let sane = |ratio: Ratio| ratio.value().filter(|rate| (0.01..=1000.0).contains(rate)).map(|rate| (rate, ratio));
    let average = sane(video.avg_frame_rate);
    let base = sane(video.r_frame_rate);
    let whole = |rate: u32| (f64::from(rate), Ratio { num: rate, den: 1 });
    let (rate, ratio) = match (average, base) {
        (None, None) => whole(30),
        (Some(only), None) | (None, Some(only)) => usual(only),
        (Some(average), Some(base)) => {
            let differ = base.0 / average.0;
            if (0.98..=1.05).contains(&differ) {
                base
            } else if (1.95..=2.05).contains(&differ) {
                // The base rate counts fields, as FFmpeg 7 does for every stream that might have some.
                let Ratio { num, den } = base.1;
                let (num, den) = if num.is_multiple_of(2) { (num / 2, den) } else { (num, den.saturating_mul(2)) };
                (base.0 / 2.0, Ratio { num, den })
            } else if average.0 > HIGHEST {
                average
            } else if base.0 <= 30.5 {
                base
            } else {
                whole(if average.0 <= 30.5 { 30 } else { 60 })
            }
        }
    };
    if rate > HIGHEST {
        let divisor = (rate / HIGHEST).ceil() as u32;
        (rate / f64::from(divisor), Ratio { num: ratio.num, den: ratio.den.saturating_mul(divisor) })
    } else if rate < 5.0 {
        // A picture every so often: repeated, so that there is one wherever a segment begins.
        let factor = (5.0 / rate).ceil() as u32;
        (rate * f64::from(factor), Ratio { num: ratio.num.saturating_mul(factor), den: ratio.den })
    } else {
        (rate, ratio)
    }
}

/// The usual rate that `rate` is meant to be: an average over a phone's clip is 29.97 or 30.02.
fn usual((rate, ratio): (f64, Ratio)) -> (f64, Ratio) {
    let usual = [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1)];
    let near = usual.map(|(num, den)| Ratio { num, den }).into_iter().filter_map(|near| Some((near.value()?, near)));
    let nearest = near.min_by(|a, b| (a.0 - rate).abs().total_cmp(&(b.0 - rate).abs()));
    nearest.filter(|near| (near.0 - rate).abs() / rate < 0.005).unwrap_or((rate, ratio))
}
