//! What an administrator chooses (`settings.json`): changes of it, and the document that is stored.

mod kinds;
mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::Username;

pub use kinds::{
    BitRate, CpuPreset, Crf, Days, FileBytes, GpuNumber, LONGEST_LIFE_DAYS, MaxResolution, NvencPreset, OutputFormat,
    PresetMode, RateControl, Renditions, WeekBytes,
};
pub use table::{Field, Kind, Settings};

/// What is wrong with a change, a sentence per field.
pub type FieldErrors = BTreeMap<String, String>;

impl Settings {
    /// These settings with `patch` (field to value) applied. A preset mode fills its fields; a
    /// field that a preset fills, set to something else without naming a mode, makes it `custom`.
    ///
    /// # Errors
    /// A sentence for each field that is unknown or out of bounds; then nothing is changed.
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut settings = self.clone();
        for (field, value) in patch {
            // One field at a time, so that each gets its own message.
            match settings.with(field, value) {
                Ok(next) => settings = next,
                Err(message) => drop(errors.insert(field.clone(), message)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if patch.contains_key("transcode_preset_mode") && settings.transcode_preset_mode != PresetMode::Custom {
            settings.fill_from_preset();
        } else if patch.keys().any(|field| is_by_preset(field)) {
            let mut by_preset = settings.clone();
            by_preset.fill_from_preset();
            if by_preset != settings {
                settings.transcode_preset_mode = PresetMode::Custom;
            }
        }
        Ok(settings)
    }

    /// These settings with all of `fields` that can be used; the others stay.
    pub fn with_all_of(self, fields: &Map<String, Value>) -> Self {
        fields.iter().fold(self, |settings, (field, value)| settings.with(field, value).unwrap_or(settings))
    }

    fn with(&self, field: &str, value: &Value) -> Result<Self, String> {
        let mut all = self.to_map();
        *all.get_mut(field).ok_or("there is no such setting")? = value.clone();
        serde_json::from_value(Value::Object(all)).map_err(|error| error.to_string())
    }

    fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => unreachable!("settings are an object"),
        }
    }

    /// What the presets fill in: quality, balanced, performance.
    pub fn presets() -> [Map<String, Value>; 3] {
        let modes = [PresetMode::Quality, PresetMode::Balanced, PresetMode::Performance];
        modes.map(|mode| {
            let mut settings = Self { transcode_preset_mode: mode, ..Self::default() };
            settings.fill_from_preset();
            let mut fields = settings.to_map();
            fields.retain(|name, _| is_by_preset(name));
            fields
        })
    }
}

fn is_by_preset(name: &str) -> bool {
    Settings::FIELDS.iter().any(|field| field.preset && field.name == name)
}

/// `settings.json`: the settings, and who changed them last. What names no setting at all is no such document, although
/// every field has a default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(try_from = "Map<String, Value>")]
pub struct SettingsDocument {
    /// What is in force.
    #[serde(flatten)]
    pub settings: Settings,
    /// Who changed them last.
    pub updated_by: Option<Username>,
    /// When they were changed last.
    pub updated_at: Option<Timestamp>,
}

impl TryFrom<Map<String, Value>> for SettingsDocument {
    type Error = String;

    fn try_from(mut members: Map<String, Value>) -> Result<Self, String> {
        let known = Settings::default().to_map();
        if !members.keys().any(|name| known.contains_key(name)) {
            return Err("it names no setting".to_owned());
        }
        let mut taken = |name: &str| members.remove(name).unwrap_or_default();
        Ok(Self {
            updated_by: serde_json::from_value(taken("updated_by")).map_err(|error| error.to_string())?,
            updated_at: serde_json::from_value(taken("updated_at")).map_err(|error| error.to_string())?,
            settings: serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn a_preset_fills_its_fields() {
        let quality = Settings::default().patched(&patch(r#"{"transcode_preset_mode":"quality"}"#)).expect("valid");
        assert_eq!(quality.cpu_preset, CpuPreset::Slow);
        assert_eq!(quality.cpu_crf.get(), 16);
        assert_eq!(quality.nvenc_max_bitrate.bits(), 15_000_000);
        assert_eq!(quality.max_resolution, MaxResolution::K4);
    }

    #[test]
    fn a_field_set_beside_its_preset_makes_the_mode_custom() {
        let settings = Settings::default().patched(&patch(r#"{"cpu_crf":30}"#)).expect("valid");
        assert_eq!((settings.cpu_crf.get(), settings.transcode_preset_mode), (30, PresetMode::Custom));
        let same = Settings::default().patched(&patch(r#"{"cpu_crf":18}"#)).expect("valid");
        assert_eq!(same.transcode_preset_mode, PresetMode::Balanced);
    }

    #[test]
    fn every_wrong_field_gets_its_own_message_and_nothing_changes() {
        let errors = Settings::default()
            .patched(&patch(
                r#"{"cpu_crf":52,"gpu_device_id":16,"nvenc_preset":"p8","audio_bitrate":"loud","nope":1,
                    "keep_originals":false,"max_file_size_bytes":-1}"#,
            ))
            .expect_err("invalid");
        let fields: Vec<_> = errors.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["audio_bitrate", "cpu_crf", "gpu_device_id", "max_file_size_bytes", "nope", "nvenc_preset"]
        );
        assert_eq!(errors["cpu_crf"], "must be from 0 to 51");
    }

    #[test]
    fn documents_of_older_versions_are_completed_with_defaults() {
        let document: SettingsDocument = serde_json::from_str(r#"{"cpu_crf":20}"#).expect("a document");
        assert_eq!(document.settings.cpu_crf.get(), 20);
        assert_eq!(document.settings.audio_bitrate.as_str(), "192k");
    }

    #[test]
    fn json_of_another_shape_is_no_settings_document() {
        for other in ["{}", r#"{"what":1}"#, "[]", "null", r#"{"cpu_crf":"low"}"#] {
            assert!(serde_json::from_str::<SettingsDocument>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_can_be_used_of_damaged_settings_is_used() {
        let fields = patch(r#"{"video_output_format":"hologram","cpu_crf":30,"nvenc_cq":99,"what":1}"#);
        let settings = Settings { nvenc_cq: Crf::of::<20>(), ..Settings::default() }.with_all_of(&fields);
        assert_eq!(settings, Settings { nvenc_cq: Crf::of::<20>(), cpu_crf: Crf::of::<30>(), ..Settings::default() });
    }
}
