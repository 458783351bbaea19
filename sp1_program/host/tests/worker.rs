//! The worker, as a process, against a sequencer that plays its part from a script.

mod batch;

use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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
        let job = json!({
            "job": "4", "batch": "9", "mode": "execute", "lease": "L", "lease_seconds": 30,
            "witness_bytes": witness.len(),
        });
        let request = self.expect("POST /v1/prover/lease HTTP/1.1", 200, job.to_string().as_bytes()).json();
        assert_eq!(request["worker"], "tester");
        assert_eq!(request["modes"], json!(["execute"]));
        assert_eq!(request["vkey"].as_str().unwrap().len(), 66);
        self.expect("GET /v1/prover/jobs/4/witness HTTP/1.1", 200, witness);
    }

    fn start_worker(&self) -> Child {
        self.start_program(env!("CARGO_BIN_EXE_zkclob-prover").as_ref())
    }

    fn start_program(&self, program: &Path) -> Child {
        Command::new(program)
            .args(["worker", "--name", "tester", "--mode", "execute", "--elf"])
            .arg(batch::elf())
            .args(["--url", &format!("http://{}/", self.0.local_addr().unwrap())])
            .env("ZKCLOB_PROVER_TOKEN", TOKEN)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

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
    sequencer.expect_lease(b"no witness");
    let failure = sequencer.expect("POST /v1/prover/jobs/4/failure HTTP/1.1", 204, b"").json();
    let reason = zkclob_core::execute(b"no witness").unwrap_err().to_string();
    assert!(failure["message"].as_str().unwrap().contains(&reason), "{failure}");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 503, b"busy");
    sequencer.expect("POST /v1/prover/lease HTTP/1.1", 204, b"");
    assert!(terminate(worker).status.success());
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
