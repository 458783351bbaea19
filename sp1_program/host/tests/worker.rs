//! The worker, as a process, against a sequencer that plays its part from a script.

mod batch;

use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const TOKEN: &str = "a token that nobody guesses";

struct Request {
    line: String,
    authorization: String,
    body: Vec<u8>,
}

impl Request {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

struct Sequencer(TcpListener);

impl Sequencer {
    fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Waits for the next request, expects it to be this one, and answers it.
    fn expect(&self, line: &str, status: u16, body: &[u8]) -> Request {
        let (mut stream, _) = self.0.accept().unwrap();
        let request = read_request(&stream);
        assert_eq!(request.line, line);
        assert_eq!(request.authorization, format!("Bearer {TOKEN}"));
        let head =
            format!("HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        request
    }

    fn expect_lease(&self, witness: &[u8]) {
        self.expect_lease_of("execute", 30, witness);
    }

    fn expect_lease_of(&self, mode: &str, lease_seconds: u64, witness: &[u8]) {
        let job = json!({
            "job": "4", "batch": "9", "mode": mode, "lease": "L", "lease_seconds": lease_seconds,
            "witness_bytes": witness.len(),
        });
        let request = self.expect("POST /v1/prover/lease HTTP/1.1", 200, job.to_string().as_bytes()).json();
        assert_eq!(request["worker"], "tester");
        assert_eq!(request["modes"], json!([mode]));
        assert_eq!(request["vkey"].as_str().unwrap().len(), 66);
        self.expect("GET /v1/prover/jobs/4/witness HTTP/1.1", 200, witness);
    }

    fn start_worker(&self) -> Child {
        self.start_program(env!("CARGO_BIN_EXE_zkclob-prover").as_ref())
    }

    fn start_program(&self, program: &Path) -> Child {
        self.start_with(program, &["--mode", "execute"])
    }

    /// A worker that has proofs made by a program of the test's.
    fn start_with_fake_prover(&self, mode: &str, fake: &FakeProver) -> Child {
        let prover = fake.0.to_str().unwrap();
        self.start_with(env!("CARGO_BIN_EXE_zkclob-prover").as_ref(), &["--mode", mode, "--prover", prover])
    }

    fn start_with(&self, program: &Path, arguments: &[&str]) -> Child {
        Command::new(program)
            .args(["worker", "--name", "tester", "--elf"])
            .arg(batch::elf())
            .args(arguments)
            .args(["--url", &format!("http://{}/", self.0.local_addr().unwrap())])
            .env("ZKCLOB_PROVER_TOKEN", TOKEN)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// A script in the place of the program that makes proofs. It makes none: the worker's part is to run it, to say that it
/// is still at it, and to hand on what it gives.
struct FakeProver(PathBuf);

impl FakeProver {
    fn new(name: &str, script: &str) -> Self {
        let file = std::env::temp_dir().join(format!("zkclob-fake-prover-{name}-{}", std::process::id()));
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        Self(file)
    }
}

impl Drop for FakeProver {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const FAKE_OUTCOME: &str = r#"{"public_values":"0x01","cycles":2,"prover_gas":3,"execute_ms":4,"peak_rss_mb":5,"proof":"0x06","stages":[]}"#;

fn read_request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut lines = (&mut reader).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let line = lines.next().unwrap();
    let headers: Vec<String> = lines.collect();
    let header = |name: &str| {
        let matching = headers.iter().filter_map(|line| line.split_once(": "));
        matching.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { line, authorization: header("authorization").unwrap(), body }
}

fn terminate(worker: Child) -> Output {
    // SAFETY: a signal to a child that has not been waited for.
    unsafe { libc::kill(worker.id() as libc::pid_t, libc::SIGTERM) };
    worker.wait_with_output().unwrap()
}

#[test]
fn hands_in_what_the_guest_gives_and_ends_on_sigterm() {
    let (sequencer, prepared) = (Sequencer::start(), batch::prepared());
    let worker = sequencer.start_worker();
    sequencer.expect_lease(&prepared.witness);
    let result = sequencer.expect("POST /v1/prover/jobs/4/result HTTP/1.1", 204, b"").json();
    assert_eq!(result["lease"], "L");
    assert_eq!(result["public_values"], format!("0x{}", hex::encode(prepared.public_values.encode())));
    assert_eq!(result["proof"], "0x");
    assert!(result["cycles"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    assert!(result["peak_rss_mb"].as_u64().unwrap() > 0);
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    assert!(terminate(worker).status.success());
}

#[test]
fn reports_why_a_job_failed_and_goes_on() {
    let sequencer = Sequencer::start();
    let worker = sequencer.start_worker();
    sequencer.expect_lease(b"there is no witness here");
    let failure = sequencer.expect("POST /v1/prover/jobs/4/failure HTTP/1.1", 204, b"").json();
    let reason = zkclob_core::execute(b"there is no witness here").unwrap_err().to_string();
    assert!(failure["message"].as_str().unwrap().contains(&reason), "{failure}");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 503, b"busy");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    assert!(terminate(worker).status.success());
}

#[test]
fn hands_in_a_proof_and_shows_how_it_was_made() {
    let sequencer = Sequencer::start();
    let script = format!("test \"$(cat)\" = witness || exit 1; echo \"$@\" >&2; echo '{FAKE_OUTCOME}'");
    let fake = FakeProver::new("proves", &script);
    let worker = sequencer.start_with_fake_prover("cpu", &fake);
    sequencer.expect_lease_of("cpu", 30, b"witness");
    let result = sequencer.expect("POST /v1/prover/jobs/4/result HTTP/1.1", 204, b"").json();
    assert_eq!((&result["proof"], &result["cycles"]), (&json!("0x06"), &json!("2")));
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    let messages = terminate(worker).stderr;
    let arguments = format!("prove --mode cpu --elf {}", batch::elf().display());
    assert!(String::from_utf8_lossy(&messages).contains(&arguments));
}

#[test]
fn says_that_it_is_still_at_a_proof_that_takes_long() {
    let sequencer = Sequencer::start();
    let fake = FakeProver::new("slow", &format!("sleep 2.5; echo '{FAKE_OUTCOME}'"));
    let worker = sequencer.start_with_fake_prover("network", &fake);
    sequencer.expect_lease_of("network", 3, b"witness");
    for _ in 0..2 {
        let beat = sequencer.expect("POST /v1/prover/jobs/4/heartbeat HTTP/1.1", 204, b"").json();
        assert_eq!(beat["lease"], "L");
    }
    sequencer.expect("POST /v1/prover/jobs/4/result HTTP/1.1", 204, b"");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    terminate(worker);
}

#[test]
fn reports_what_a_prover_that_failed_said_last() {
    let sequencer = Sequencer::start();
    let fake = FakeProver::new("fails", "echo wrap: out of memory >&2; exit 3");
    let worker = sequencer.start_with_fake_prover("cuda", &fake);
    sequencer.expect_lease_of("cuda", 30, b"witness");
    let failure = sequencer.expect("POST /v1/prover/jobs/4/failure HTTP/1.1", 204, b"").json();
    assert!(failure["message"].as_str().unwrap().contains("wrap: out of memory"), "{failure}");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    terminate(worker);
}

/// A prover that went on alone would take the memory that the next one needs.
#[test]
#[cfg(target_os = "linux")]
fn a_prover_ends_with_its_worker() {
    let sequencer = Sequencer::start();
    let left = std::env::temp_dir().join(format!("zkclob-left-{}", std::process::id()));
    let fake = FakeProver::new("orphan", &format!("echo $$ >{}; exec sleep 60", left.display()));
    let mut worker = sequencer.start_with_fake_prover("cpu", &fake);
    sequencer.expect_lease_of("cpu", 30, b"witness");
    let started = || std::fs::read_to_string(&left).unwrap_or_default().trim().parse::<u32>().ok();
    let process = wait_for(started);
    worker.kill().unwrap();
    worker.wait().unwrap();
    wait_for(|| (!runs(process)).then_some(()));
    std::fs::remove_file(left).unwrap();
}

/// Whether the process is there and not just a zombie that nobody has waited for.
fn runs(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

fn wait_for<T>(condition: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn says_how_to_get_a_prover_that_is_missing() {
    let sequencer = Sequencer::start();
    let worker = sequencer.start_with(
        env!("CARGO_BIN_EXE_zkclob-prover").as_ref(),
        &["--mode", "cpu", "--prover", "/nowhere/zkclob-prove"],
    );
    let output = worker.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("scripts/setup_prover.sh"));
}

#[test]
#[cfg(target_os = "linux")]
fn works_on_when_its_file_is_replaced() {
    let (sequencer, prepared) = (Sequencer::start(), batch::prepared());
    let program = std::env::temp_dir().join(format!("zkclob-prover-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_zkclob-prover"), &program).unwrap();
    let worker = sequencer.start_program(&program);
    std::fs::remove_file(program).unwrap();
    sequencer.expect_lease(&prepared.witness);
    sequencer.expect("POST /v1/prover/jobs/4/result HTTP/1.1", 204, b"");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    assert!(terminate(worker).status.success());
}

#[test]
fn a_lost_lease_is_no_reason_to_stop() {
    let sequencer = Sequencer::start();
    let worker = sequencer.start_worker();
    sequencer.expect_lease(&batch::prepared().witness);
    sequencer.expect("POST /v1/prover/jobs/4/result HTTP/1.1", 409, b"LEASE_LOST");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    assert!(terminate(worker).status.success());
}

#[test]
fn ends_when_the_token_is_refused() {
    let sequencer = Sequencer::start();
    let worker = sequencer.start_worker();
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 401, b"");
    let output = worker.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("token"));
}

/// A program that was changed after its key was computed would only make results that nobody accepts.
#[test]
fn refuses_a_program_that_its_manifest_does_not_name() {
    let program = std::env::temp_dir().join(format!("zkclob-test-{}", std::process::id()));
    std::fs::write(&program, b"another program").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_zkclob-prover"))
        .args([
            "worker",
            "--url",
            "http://127.0.0.1:1",
            "--name",
            "tester",
            "--mode",
            "execute",
            "--manifest",
        ])
        .arg(batch::elf().with_file_name("manifest.json"))
        .arg("--elf")
        .arg(&program)
        .env("ZKCLOB_PROVER_TOKEN", TOKEN)
        .output()
        .unwrap();
    std::fs::remove_file(program).unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("manifest"));
}
