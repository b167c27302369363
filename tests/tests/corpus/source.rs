//! One source: how it is made, what is expected of it, and whether that holds.

use std::path::{Path, PathBuf};

use clipset_check::check;
use clipset_core::video::Phase;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    bytes::Surgery,
    measure::{self, Stream, ffmpeg},
    system::{Outcome, System},
};

/// Flash and beep stay this long, seconds.
const FLASH: f64 = 0.099;
/// ITU and EBU notice 45 ms of sound before the picture; the issue asks for less.
const IN_STEP: f64 = 0.040;
const LEAST_SSIM: f64 = 0.95;
/// Of a beep's loudness.
const LEAST_LEVEL: f64 = 0.8;

/// What a plan must say, in the job's notes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// Nothing is encoded.
    Repackaged,
    /// The picture is copied, the sound encoded; the reason.
    SoundEncoded(&'static str),
    /// Encoded; the reason.
    Encoded(&'static str),
    /// Sound with a still picture; which.
    Still(&'static str),
    /// Refused with this sentence, or a part of it.
    Refused(&'static str),
}

/// A source with what is expected of it. Built by [`video`] and changed by its methods.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    file: &'static str,
    origin: Origin,
    steps: Vec<(String, String)>,
    surgery: Option<Surgery>,
    settings: Value,
    plan: Expected,
    size: (u32, u32),
    rate: f64,
    seconds: f64,
    channels: u8,
    sample_rate: u32,
    renditions: usize,
    flashes: usize,
    /// Filters that bring a decoded source to what is comparable; nothing if it is not comparable.
    reference: Option<&'static str>,
    tone_mapped: bool,
    tolerance: f64,
    note: &'static str,
    same_level: bool,
}

#[derive(Debug, Clone)]
enum Origin {
    /// Flashes and beeps: size, rate, seconds, picture filters, sound filters, the encoders.
    Flashes { size: &'static str, rate: &'static str, seconds: u32, picture: String, sound: String, codecs: String },
    /// FFmpeg's arguments.
    Arguments(String),
    /// The file itself.
    Bytes(Vec<u8>),
}

/// Six seconds of 426x240 at 25 pictures a second: moving pictures with a flash and a beep at 1 s and at 5 s.
pub(crate) fn video(file: &'static str, codecs: impl Into<String>) -> Source {
    let (picture, sound) = (String::new(), String::new());
    let origin = Origin::Flashes { size: "426x240", rate: "25", seconds: 6, picture, sound, codecs: codecs.into() };
    Source {
        file,
        origin,
        steps: Vec::new(),
        surgery: None,
        settings: json!({}),
        plan: Expected::Repackaged,
        size: (426, 240),
        rate: 25.0,
        seconds: 6.0,
        channels: 2,
        sample_rate: 48_000,
        renditions: 1,
        flashes: 2,
        reference: Some("null"),
        tone_mapped: false,
        tolerance: 0.1,
        note: "",
        same_level: true,
    }
}

/// Made by FFmpeg with `arguments`; nothing is expected of flashes.
pub(crate) fn made(file: &'static str, arguments: impl Into<String>) -> Source {
    Source { origin: Origin::Arguments(arguments.into()), flashes: 0, ..video(file, "") }
}

/// These bytes, which are to be refused with `sentence`.
pub(crate) fn refused(file: &'static str, bytes: impl Into<Vec<u8>>, sentence: &'static str) -> Source {
    Source { origin: Origin::Bytes(bytes.into()), plan: Expected::Refused(sentence), ..made(file, "") }
}

impl Source {
    /// Pixels of the source; expected of the best rendition too.
    pub(crate) fn of_size(mut self, text: &'static str) -> Self {
        if let Origin::Flashes { size, .. } = &mut self.origin {
            *size = text;
        }
        let (width, height) = text.split_once('x').unwrap();
        self.shown_as(width.parse().unwrap(), height.parse().unwrap())
    }

    /// Pictures a second of the source, and what is expected.
    pub(crate) fn at(mut self, text: &'static str, expected: f64) -> Self {
        if let Origin::Flashes { rate, .. } = &mut self.origin {
            *rate = text;
        }
        Self { rate: expected, ..self }
    }

    /// Whole seconds of the source; the second flash is one second before the end.
    pub(crate) fn lasting(mut self, whole: u32) -> Self {
        if let Origin::Flashes { seconds, .. } = &mut self.origin {
            *seconds = whole;
        }
        Self { seconds: f64::from(whole), ..self }
    }

    /// More filters on the source's picture.
    pub(crate) fn filtered(mut self, filters: &str) -> Self {
        if let Origin::Flashes { picture, .. } = &mut self.origin {
            *picture = format!(",{filters}");
        }
        self
    }

    /// More filters on the source's sound.
    pub(crate) fn heard_through(mut self, filters: &str) -> Self {
        if let Origin::Flashes { sound, .. } = &mut self.origin {
            *sound = format!(",{filters}");
        }
        self
    }

    /// FFmpeg once more: options before and after the input, which is what was made so far.
    pub(crate) fn then(mut self, before: &str, after: &str) -> Self {
        self.steps.push((before.to_owned(), after.to_owned()));
        self
    }

    /// The bytes of the file are changed at last.
    pub(crate) fn operated(self, surgery: Surgery) -> Self {
        Self { surgery: Some(surgery), ..self }
    }

    pub(crate) fn with_settings(self, settings: Value) -> Self {
        Self { settings, ..self }
    }

    pub(crate) fn is(self, plan: Expected) -> Self {
        Self { plan, ..self }
    }

    pub(crate) fn encoded(self, reason: &'static str) -> Self {
        self.is(Expected::Encoded(reason))
    }

    pub(crate) fn sound_encoded(self, reason: &'static str) -> Self {
        self.is(Expected::SoundEncoded(reason))
    }

    pub(crate) fn shown_as(self, width: u32, height: u32) -> Self {
        Self { size: (width, height), ..self }
    }

    pub(crate) fn lasts(self, seconds: f64) -> Self {
        Self { seconds, ..self }
    }

    pub(crate) fn heard_as(self, channels: u8, sample_rate: u32) -> Self {
        Self { channels, sample_rate, ..self }
    }

    /// No sound is expected, so nothing can be in step.
    pub(crate) fn silent(self) -> Self {
        Self { channels: 0, flashes: 0, ..self }
    }

    pub(crate) fn renditions(self, renditions: usize) -> Self {
        Self { renditions, ..self }
    }

    pub(crate) fn flashing(self, flashes: usize) -> Self {
        Self { flashes, ..self }
    }

    /// A decoded source is compared through `filters`.
    pub(crate) fn compared_through(self, filters: &'static str) -> Self {
        Self { reference: Some(filters), ..self }
    }

    pub(crate) fn not_compared(self) -> Self {
        Self { reference: None, ..self }
    }

    /// Brought from a high dynamic range to BT.709.
    pub(crate) fn tone_mapped(self) -> Self {
        Self { tone_mapped: true, ..self.not_compared() }
    }

    /// Mixed down, so that a beep is not as loud as before.
    pub(crate) fn mixed_down(self) -> Self {
        Self { same_level: false, ..self }
    }

    /// How far its length may be from what was said, seconds.
    pub(crate) fn about(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The job says this too.
    pub(crate) fn noting(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// Makes it in `folder`.
    pub(crate) fn make(&self, folder: &Path) -> PathBuf {
        let mut file = folder.join(self.file);
        match &self.origin {
            Origin::Bytes(bytes) => std::fs::write(&file, bytes).unwrap(),
            Origin::Arguments(arguments) => ffmpeg(folder, &[arguments, &format!("-y {}", self.file)]),
            Origin::Flashes { size, rate, seconds, picture, sound, codecs } => {
                let during = |unit: &str| {
                    let last = f64::from(*seconds) - 1.0;
                    format!(
                        "between({unit}\\,0.999\\,{})+between({unit}\\,{}\\,{})",
                        1.0 + FLASH,
                        last - 0.001,
                        last + FLASH
                    )
                };
                let flash = format!("drawbox=c=white:t=fill:enable={}", during("t"));
                let picture = format!("-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds},{flash}{picture}");
                let beep = format!("0.5*sin(2*PI*1000*t)*({})", during("t"));
                let sound = format!("-f lavfi -i aevalsrc={beep}|{beep}:s=48000:d={seconds}{sound}");
                let pixels = if codecs.contains("-pix_fmt") { "" } else { "-pix_fmt yuv420p" };
                let maps = if codecs.contains("-map") { "" } else { "-map 0:v -map 1:a" };
                ffmpeg(folder, &[&picture, &sound, maps, pixels, codecs, &format!("-y {}", self.file)]);
            }
        }
        for (number, (before, after)) in self.steps.iter().enumerate() {
            let extension = file.extension().unwrap().to_str().unwrap();
            let next = folder.join(format!("step{number}.{extension}"));
            ffmpeg(folder, &[before, &format!("-i {}", file.display()), after, &format!("-y {}", next.display())]);
            file = next;
        }
        if let Some(surgery) = &self.surgery {
            let after = surgery(std::fs::read(&file).unwrap(), folder);
            std::fs::write(&file, after).unwrap();
        }
        file
    }

    /// Makes it, has it published, and looks at everything that is expected.
    pub(crate) async fn comes_out_as_expected(&self) {
        let folder = tempfile::tempdir().unwrap();
        let file = self.make(folder.path());
        let outcome = System::new(&self.settings).await.outcome_of(&file).await;
        self.plan_is_as_expected(&outcome);
        if let Some(stream) = &outcome.stream {
            self.stream_is_as_expected(&file, stream, &outcome);
        }
    }

    fn plan_is_as_expected(&self, outcome: &Outcome) {
        let notes = outcome.notes.join("\n");
        let (head, reason) = match self.plan {
            Expected::Refused(sentence) => {
                let Phase::Failed { error } = &outcome.phase else {
                    panic!("not refused: {:?} {notes}", outcome.phase)
                };
                assert!(error.contains(sentence), "{error:?} does not say {sentence:?}");
                assert!(error.ends_with('.') && !error.contains('/'), "no sentence for a person: {error:?}");
                return;
            }
            Expected::Repackaged => ("repackaged without encoding", ""),
            Expected::SoundEncoded(why) => ("picture repackaged without encoding, sound encoded", why),
            Expected::Encoded(why) => ("encoded, because ", why),
            Expected::Still(which) => ("the file has sound and no picture", which),
        };
        assert_eq!(outcome.phase, Phase::Completed, "{notes}");
        let planned = outcome.notes.iter().any(|note| note.starts_with(head) && note.contains(reason));
        assert!(planned, "expected \"{head}… {reason}\", and the notes are: {notes}");
        assert!(notes.contains(self.note), "{:?} is not noted: {notes}", self.note);
    }

    fn stream_is_as_expected(&self, file: &Path, folder: &TempDir, outcome: &Outcome) {
        let report = check(folder.path());
        assert!(report.is_clean(), "\n{report}");
        let stream = Stream::read(folder.path());
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, words: String| {
            if !holds {
                wrong.push(words);
            }
        };
        expect(stream.size == self.size, format!("the size is {:?}, not {:?}", stream.size, self.size));
        expect((stream.rate - self.rate).abs() < 0.05, format!("the rate is {}, not {}", stream.rate, self.rate));
        let off = (stream.seconds - self.seconds).abs();
        expect(off <= self.tolerance + 1.0 / self.rate, format!("it lasts {} s, not {}", stream.seconds, self.seconds));
        let said = outcome.duration;
        expect((said - stream.seconds).abs() < 0.05, format!("the document says {said} s of {}", stream.seconds));
        expect(
            stream.renditions == self.renditions,
            format!("{} renditions, not {}", stream.renditions, self.renditions),
        );
        let sound = stream.sound.map_or((0, 0), |frame| (frame.channels, frame.sample_rate));
        let expected = if self.channels == 0 { (0, 0) } else { (self.channels, self.sample_rate) };
        expect(sound == expected, format!("the sound is {sound:?}, not {expected:?}"));

        let played = measure::play(&folder.path().join("master.m3u8"), true, self.channels > 0);
        expect(played.complaints.is_empty(), format!("decoding complains: {}", played.complaints));
        if self.flashes > 0 {
            let apart = played.beeps_after_flashes();
            let in_step = apart.iter().all(|seconds| seconds.abs() <= IN_STEP);
            expect(apart.len() == self.flashes, format!("{} flashes with beeps, not {}", apart.len(), self.flashes));
            expect(in_step, format!("beeps come {apart:.3?} s after their flashes"));
            let level = played.level / 0.5;
            let same = !self.same_level || (LEAST_LEVEL..=1.0 / LEAST_LEVEL).contains(&level);
            expect(same, format!("a beep is {level:.2} times as loud as in the source"));
        }
        if self.tone_mapped {
            let before = measure::play(file, false, false).usual_brightness();
            let after = played.usual_brightness();
            expect((before - after).abs() > 8.0, format!("relabelled, not mapped: brightness {before} and {after}"));
            let colours = measure::colours(folder.path());
            expect(colours == "tv,bt709,bt709,bt709", format!("the colours are said to be {colours}"));
        }
        if let Some(reference) = self.reference {
            let alike = measure::likeness(&folder.path().join("master.m3u8"), file, self.size, stream.rate, reference);
            let enough = alike.iter().all(|ssim| *ssim > LEAST_SSIM);
            expect(enough, format!("first, middle and last picture match the source by {alike:.4?}"));
        }
        assert!(wrong.is_empty(), "{wrong:#?}\n{:#?}\n{report}", outcome.notes);
    }
}
