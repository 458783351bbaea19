//! Runs stages, each as a process of its own: what one needs in memory is gone before the next starts, and what it took
//! can be measured.

use crate::files;
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a stage that runs is mentioned.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);
const REACTION: Duration = Duration::from_millis(200);

/// One step from a witness to a proof, or from nothing to the keys of the circuit.
pub struct Stage {
    pub name: &'static str,
    /// It is done when this file is there.
    pub result: PathBuf,
    /// Measured on 2 cores, for a small batch: what to expect of a machine that has not done it yet.
    pub usual_seconds: f64,
    pub command: Command,
}

/// How long each stage took here the last time.
pub struct Estimates {
    file: PathBuf,
    seconds: BTreeMap<String, f64>,
}

impl Estimates {
    /// What is known in this cache; nothing is no mistake.
    pub fn read(cache: &Path) -> Self {
        let file = cache.join("stage_seconds.json");
        Self { seconds: files::read_json(&file).unwrap_or_default(), file }
    }

    fn describe(&self, stage: &Stage) -> String {
        match self.seconds.get(stage.name) {
            Some(seconds) => format!("{} (as the last time here)", minutes(*seconds)),
            None => format!("{} (as measured on 2 cores)", minutes(stage.usual_seconds)),
        }
    }

    fn note(&mut self, measurement: &Measurement) -> Result<()> {
        self.seconds.insert(measurement.stage.clone(), measurement.seconds);
        files::write_json(&self.file, &self.seconds)
    }
}

/// What a stage took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    pub stage: String,
    pub seconds: f64,
    /// Of all cores together.
    pub cpu_seconds: f64,
    pub peak_mb: u64,
}

impl Stage {
    /// Runs the stage unless its result is there already; gives what it took, now or then, if that is known.
    pub fn complete(mut self, estimates: &mut Estimates) -> Result<Option<Measurement>> {
        let record = measurement_file(&self.result);
        if self.result.exists() {
            say(self.name, "done before");
            return Ok(files::read_json(&record).ok());
        }
        let estimate = estimates.describe(&self);
        say(self.name, &format!("starts; takes about {estimate}"));
        let measurement = self.run(&estimate)?;
        if !self.result.exists() {
            bail!("{}: the stage ended without {}", self.name, self.result.display());
        }
        say(self.name, &format!("done in {}, peak {} MB", minutes(measurement.seconds), measurement.peak_mb));
        files::write_json(&record, &measurement)?;
        estimates.note(&measurement)?;
        Ok(Some(measurement))
    }

    fn run(&mut self, estimate: &str) -> Result<Measurement> {
        let start = Instant::now();
        // SAFETY: prctl is a bare system call, which a process may make between fork and exec.
        unsafe { self.command.pre_exec(die_with_parent) };
        let child = self.command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child =
            child.with_context(|| format!("{}: cannot start {:?}", self.name, self.command.get_program()))?;
        let process = child.id() as libc::pid_t;
        let mut report = start + REPORT_INTERVAL;
        loop {
            if let Some((success, usage)) = poll(process)? {
                if !success {
                    bail!("{} failed (its messages are above); the stages before it are kept", self.name);
                }
                return Ok(Measurement {
                    stage: self.name.to_owned(),
                    seconds: start.elapsed().as_secs_f64(),
                    cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
                    peak_mb: usage.ru_maxrss as u64 / KILOBYTES_PER_MB,
                });
            }
            if Instant::now() >= report {
                report += REPORT_INTERVAL;
                let memory = resident_mb(process).map_or(String::new(), |mb| format!(", {mb} MB"));
                let so_far = minutes(start.elapsed().as_secs_f64());
                say(self.name, &format!("{so_far} of about {estimate}{memory}"));
            }
            thread::sleep(REACTION);
        }
    }
}

/// `ru_maxrss` counts kilobytes on Linux, bytes on macOS.
const KILOBYTES_PER_MB: u64 = if cfg!(target_os = "macos") { 1 << 20 } else { 1 << 10 };

/// Where the measurement of the stage with this result is.
fn measurement_file(result: &Path) -> PathBuf {
    result.with_extension("measured.json")
}

/// On Linux a stage ends with whoever waits for it, however that ends.
fn die_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: asks the kernel for a signal; touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether the child has ended, with success or not, and what it used; the standard library does not tell the latter.
fn poll(process: libc::pid_t) -> io::Result<Option<(bool, libc::rusage)>> {
    let mut status = 0;
    // SAFETY: both structures are ours, and a zeroed rusage is valid.
    let (waited, usage) = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        (libc::wait4(process, &mut status, libc::WNOHANG, &mut usage), usage)
    };
    match waited {
        0 => Ok(None),
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(Some((libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, usage))),
    }
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

fn resident_mb(process: libc::pid_t) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes >> 10)
}

fn minutes(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds / 60 {
        0 => format!("{seconds} s"),
        whole => format!("{whole} min {} s", seconds % 60),
    }
}

fn say(stage: &str, message: &str) {
    eprintln!("zkclob-prove: {stage}: {message}");
}
