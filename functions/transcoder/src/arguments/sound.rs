//! The sound of a run: one stream, copied or AAC-LC.

use clipset_core::settings::Settings;

use super::List;
use crate::plan::{Plan, Sound};

/// The most channels that FFmpeg has a usual layout for, and with it a way to mix them down.
const MIXABLE: u32 = 8;

impl List {
    pub(super) fn map_sound(&mut self, plan: &Plan) {
        if let Some(audio) = plan.audio.filter(|_| plan.sound != Sound::None) {
            self.add(["-map", &format!("0:{audio}")]);
        }
    }

    pub(super) fn sound(&mut self, plan: &Plan, settings: &Settings) {
        match plan.sound {
            Sound::None => {}
            Sound::Copy => self.add(["-c:a", "copy"]),
            Sound::Encode => {
                self.add(["-c:a", "aac", "-b:a", settings.audio_bitrate.as_str()]);
                self.add(["-ar", &plan.sample_rate.to_string()]);
                // From zero, with silence where there is a gap: sound that starts late stays in step.
                let in_step = "aresample=async=1:first_pts=0";
                if plan.channels > MIXABLE {
                    self.add(["-filter:a", &format!("{in_step},pan=stereo|c0=c0|c1=c1")]);
                } else {
                    self.add(["-filter:a", in_step]);
                    if plan.channels > 2 {
                        self.add(["-ac", "2"]);
                    }
                }
            }
        }
    }
}
