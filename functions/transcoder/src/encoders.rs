//! Which encoders really work here: each has to encode one frame.

use std::{
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use clipset_child::{ChildSpec, Output};
use clipset_core::{Timestamp, encoders::EncoderReport, settings::Settings};

use crate::{
    arguments::nvenc_trial,
    ffmpeg::{Allowance, Tools},
};

/// A driver may come and go; the answer is kept this long.
const KEPT: Duration = Duration::from_secs(3600);

const TRIAL: Allowance = Allowance { time: Duration::from_secs(30), file_size: 1 << 20, gpu: true };

/// The encoders of this machine.
#[derive(Debug)]
pub struct Encoders {
    tools: Tools,
    nvenc: Mutex<Option<(u8, bool, Instant)>>,
}

impl Encoders {
    /// Nothing is tried yet.
    pub fn new(tools: Tools) -> Self {
        Self { tools, nvenc: Mutex::new(None) }
    }

    /// Whether NVENC encodes a frame with these settings.
    pub async fn nvenc_works(&self, settings: &Settings) -> bool {
        let device = settings.gpu_device_id.get();
        if let Some((of, works, at)) = *self.held()
            && of == device
            && at.elapsed() < KEPT
        {
            return works;
        }
        self.try_nvenc(settings).await
    }

    /// A job's NVENC failed: not used again until it is tried anew.
    pub fn nvenc_failed(&self, settings: &Settings) {
        *self.held() = Some((settings.gpu_device_id.get(), false, Instant::now()));
    }

    /// Tries everything now.
    pub async fn measure(&self, runner: &str, settings: &Settings) -> EncoderReport {
        let gpu_available = self.try_nvenc(settings).await;
        let mut encoders = vec!["libx264".to_owned()];
        if gpu_available {
            encoders.push("h264_nvenc".to_owned());
        }
        EncoderReport {
            name: runner.to_owned(),
            gpu_available,
            gpu_name: if gpu_available { gpu_name(settings.gpu_device_id.get()).await } else { None },
            encoders,
            measured_at: Timestamp::now(),
        }
    }

    async fn try_nvenc(&self, settings: &Settings) -> bool {
        let works = self.tools.run(nvenc_trial(settings), TRIAL, Path::new("/")).await.is_ok();
        *self.held() = Some((settings.gpu_device_id.get(), works, Instant::now()));
        works
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<(u8, bool, Instant)>> {
        self.nvenc.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The GPU's own name, from its driver's tool where that is installed.
async fn gpu_name(device: u8) -> Option<String> {
    let child = ChildSpec::new("nvidia-smi")
        .args(["--query-gpu=name", "--format=csv,noheader", &format!("--id={device}")])
        .stdout(Output::Piped)
        .without_network()
        .spawn()
        .ok()?;
    let finished = child.finish(Duration::from_secs(10), 4096).await.ok()?;
    let name = String::from_utf8(finished.stdout).ok()?.lines().next()?.trim().to_owned();
    (finished.status.success() && !name.is_empty()).then_some(name)
}
