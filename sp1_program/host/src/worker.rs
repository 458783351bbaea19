//! Takes jobs from a sequencer, one at a time, and hands in the results.
//!
//! Each job runs in a process of its own (`zkclob-prover execute`, or `zkclob-prove prove` where a proof is wanted):
//! whatever happens to it, the worker lives to report it, and the peak memory is the job's. A prover keeps what it has
//! done of a proof, so a worker that was stopped goes on where it was when it is given the same batch again.

use crate::queue::{Job, Outcome, Queue, QueueError};
use clap::ValueEnum;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How late a request to stop may be noticed.
const REACTION: Duration = Duration::from_millis(100);
const REPORT_ATTEMPTS: u32 = 5;
/// So many of the last lines that a failed job wrote go into the report.
const KEPT_LINES: usize = 20;

/// What a worker does with a batch. It does nothing else: no mode stands in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Run the guest without a proof (accepted by a devnet's mock verifier)
    Execute,
    /// Prove on this machine's processor, with the Groth16 circuit that was made here (a devnet's local verifier)
    Cpu,
    /// Prove on this machine's NVIDIA GPU
    Cuda,
    /// Have Succinct's prover network prove
    Network,
}

impl Mode {
    /// Its name in the queue.
    pub fn name(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Network => "network",
        }
    }
}

pub struct Worker {
    pub queue: Queue,
    pub name: String,
    pub mode: Mode,
    /// What makes proofs, in all modes but `Execute`.
    pub prover: PathBuf,
    pub elf: PathBuf,
    pub vkey: String,
    /// Set from outside (SIGTERM) to make the worker stop.
    pub stop: Arc<AtomicBool>,
}

enum Ending {
    Done(Outcome),
    Failed(String),
    /// Stopped, or the lease lost: somebody else will do it.
    Abandoned,
}

impl Worker {
    /// Serves the queue until it is stopped.
    ///
    /// # Errors
    /// When the sequencer refuses the token. Everything else is tried again.
    pub fn run(&self) -> Result<(), QueueError> {
        let mut pause = SHORTEST_PAUSE;
        while !self.stopped() {
            match self.queue.lease(&self.name, self.mode.name(), &self.vkey) {
                Ok(Some(job)) => {
                    pause = SHORTEST_PAUSE;
                    self.serve(&job);
                    continue;
                }
                Ok(None) => {}
                Err(QueueError::Unauthorized) => return Err(QueueError::Unauthorized),
                Err(error) => eprintln!("worker: no lease: {error}"),
            }
            self.sleep(pause);
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    fn serve(&self, job: &Job) {
        let ending = self.queue.witness(job).map_or_else(
            |error| Ending::Failed(format!("witness: {error}")),
            |witness| self.work(job, witness),
        );
        let reported = match &ending {
            Ending::Done(outcome) => {
                let proven = if outcome.proof.is_some() { ", proven" } else { "" };
                eprintln!(
                    "worker: batch {}: {} cycles, {} prover gas, executed in {} ms{proven}",
                    job.batch, outcome.cycles, outcome.prover_gas, outcome.execute_ms
                );
                self.insist(|| self.queue.done(job, outcome))
            }
            Ending::Failed(message) => {
                eprintln!("worker: batch {} failed: {message}", job.batch);
                self.insist(|| self.queue.failed(job, message))
            }
            Ending::Abandoned => Ok(()),
        };
        if let Err(error) = reported {
            eprintln!("worker: batch {}: not reported: {error}", job.batch);
        }
    }

    /// Runs the job in another process, and says that it is still at it until it ends.
    fn work(&self, job: &Job, witness: Vec<u8>) -> Ending {
        let child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Ending::Failed(format!("cannot start the job's process: {error}")),
        };
        let process = child.id();
        let (sender, receiver) = mpsc::channel();
        // A proof takes long: what its process says is shown as it comes.
        let show = self.mode != Mode::Execute;
        thread::spawn(move || sender.send(attend(child, &witness, show)));

        let interval = Duration::from_secs(job.lease_seconds) / 3;
        let mut heartbeat = Instant::now();
        loop {
            match receiver.recv_timeout(REACTION) {
                Ok(output) => return read_output(output),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ending::Failed("the job's process is gone".to_owned())
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut lost = false;
            if heartbeat.elapsed() >= interval {
                heartbeat = Instant::now();
                lost = matches!(self.queue.heartbeat(job), Err(QueueError::LeaseLost));
            }
            if lost || self.stopped() {
                kill(process);
                return Ending::Abandoned;
            }
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = match self.mode {
            Mode::Execute => {
                let mut command = Command::new(executable()?);
                command.args(["execute", "--witness", "-"]);
                command
            }
            mode => {
                let mut command = Command::new(&self.prover);
                command.args(["prove", "--mode", mode.name()]);
                command
            }
        };
        end_with_this_process(&mut command);
        command
            .arg("--elf")
            .arg(&self.elf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Reports in spite of a few failures of the network.
    fn insist(&self, report: impl Fn() -> Result<(), QueueError>) -> Result<(), QueueError> {
        let mut pause = SHORTEST_PAUSE;
        for _ in 1..REPORT_ATTEMPTS {
            match report() {
                Err(QueueError::Http(_)) if !self.stopped() => self.sleep(pause),
                done => return done,
            }
            pause *= 2;
        }
        report()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn sleep(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while !self.stopped() && Instant::now() < end {
            thread::sleep(REACTION.min(end - Instant::now()));
        }
    }
}

/// This program. On Linux it is found even after its file was replaced, as a new build does.
fn executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    }
}

/// On Linux a job ends with its worker even when that is killed; what it did of a proof is kept.
fn end_with_this_process(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        // SAFETY: prctl is a bare system call, which a process may make between fork and exec.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            })
        };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// How a job's process ended.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    /// The last lines of its standard error.
    messages: String,
}

/// Hands the process its witness and takes what it gives until it ends.
fn attend(mut child: Child, witness: &[u8], show: bool) -> io::Result<Ended> {
    let (stderr, stdout) = (child.stderr.take(), child.stdout.take());
    let listener = stderr.map(|stderr| thread::spawn(move || listen(stderr, show)));
    feed(&mut child, witness)?;
    let mut output = Vec::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_end(&mut output)?;
    }
    let messages = listener.and_then(|listener| listener.join().ok()).unwrap_or_default();
    Ok(Ended { status: child.wait()?, output, messages })
}

/// Writes the witness and closes the pipe. A process that ends before it has read all says why itself.
fn feed(child: &mut Child, witness: &[u8]) -> io::Result<()> {
    let mut stdin = child.stdin.take().expect("the pipe was asked for");
    match stdin.write_all(witness) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The last lines of a process's messages, all of which go to this one's standard error too if `show` says so.
fn listen(stderr: ChildStderr, show: bool) -> String {
    let mut kept = VecDeque::new();
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if show {
            eprintln!("{line}");
        }
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    Vec::from(kept).join("\n").trim().to_owned()
}

fn read_output(ended: io::Result<Ended>) -> Ending {
    match ended {
        Ok(ended) if ended.status.success() => serde_json::from_slice(&ended.output)
            .map_or_else(|error| Ending::Failed(format!("the job's output: {error}")), Ending::Done),
        Ok(ended) => Ending::Failed(format!("{}: {}", ended.status, ended.messages)),
        Err(error) => Ending::Failed(format!("the job's process: {error}")),
    }
}

fn kill(process: u32) {
    // SAFETY: a signal to a child that was started here and has not been waited for.
    unsafe { libc::kill(process as libc::pid_t, libc::SIGKILL) };
}
