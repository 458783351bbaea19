//! Client of the sequencer's prover queue (`docs/api.md`, "Prover queue").

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// No call of the queue but the witness takes long.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_WITNESS_BYTES: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the lease is lost")]
    LeaseLost,
    #[error("the sequencer refuses the token")]
    Unauthorized,
    #[error("the sequencer answers {status}: {body}")]
    Refused { status: u16, body: String },
    #[error("a witness of {0} bytes is too long")]
    WitnessTooLong(u64),
    #[error(transparent)]
    Http(#[from] ureq::Error),
}

/// A job, lent for `lease_seconds` after each heartbeat.
#[derive(Debug, Deserialize)]
pub struct Job {
    pub job: String,
    pub batch: String,
    pub lease: String,
    pub lease_seconds: u64,
    witness_bytes: u64,
}

/// What an execution, or a proof, gave and what it took.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// In hexadecimal, after `0x`.
    pub public_values: String,
    pub cycles: u64,
    pub prover_gas: u64,
    pub execute_ms: u64,
    pub peak_rss_mb: u64,
    /// SP1's encoding of the Groth16 proof, in hexadecimal after `0x`, if one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

pub struct Queue {
    agent: Agent,
    url: String,
    authorization: String,
}

impl Queue {
    /// A client of the sequencer at `url` (without `/v1`) that shows `token`.
    pub fn new(url: &str, token: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self {
            agent: config.build().into(),
            url: format!("{}/v1/prover", url.trim_end_matches('/')),
            authorization: format!("Bearer {token}"),
        }
    }

    /// The next job that this worker can do, if there is one.
    pub fn lease(&self, worker: &str, mode: &str, vkey: &str) -> Result<Option<Job>, QueueError> {
        let mut answer = self.post("lease", &json!({"worker": worker, "modes": [mode], "vkey": vkey}))?;
        match answer.status().as_u16() {
            204 => Ok(None),
            _ => Ok(Some(answer.body_mut().read_json()?)),
        }
    }

    pub fn witness(&self, job: &Job) -> Result<Vec<u8>, QueueError> {
        if job.witness_bytes > MAX_WITNESS_BYTES {
            return Err(QueueError::WitnessTooLong(job.witness_bytes));
        }
        let url = format!("{}/jobs/{}/witness", self.url, job.job);
        let answer = self.agent.get(url).header("Authorization", &self.authorization).call()?;
        Ok(check(answer)?.body_mut().with_config().limit(job.witness_bytes + 1).read_to_vec()?)
    }

    pub fn heartbeat(&self, job: &Job) -> Result<(), QueueError> {
        self.report(job, "heartbeat", &json!({"lease": job.lease}))
    }

    /// Hands in a batch: proven, or only executed (an empty proof).
    pub fn done(&self, job: &Job, outcome: &Outcome) -> Result<(), QueueError> {
        let result = json!({
            "lease": job.lease,
            "public_values": outcome.public_values,
            "proof": outcome.proof.as_deref().unwrap_or("0x"),
            "cycles": outcome.cycles.to_string(),
            "prover_gas": outcome.prover_gas.to_string(),
            "execute_ms": outcome.execute_ms,
            "peak_rss_mb": outcome.peak_rss_mb,
        });
        self.report(job, "result", &result)
    }

    pub fn failed(&self, job: &Job, message: &str) -> Result<(), QueueError> {
        self.report(job, "failure", &json!({"lease": job.lease, "message": message}))
    }

    fn report(&self, job: &Job, what: &str, body: &Value) -> Result<(), QueueError> {
        self.post(&format!("jobs/{}/{what}", job.job), body).map(drop)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Response<Body>, QueueError> {
        let request =
            self.agent.post(format!("{}/{path}", self.url)).header("Authorization", &self.authorization);
        check(request.send_json(body)?)
    }
}

fn check(mut answer: Response<Body>) -> Result<Response<Body>, QueueError> {
    match answer.status().as_u16() {
        200..=299 => Ok(answer),
        401 => Err(QueueError::Unauthorized),
        409 => Err(QueueError::LeaseLost),
        status => {
            Err(QueueError::Refused { status, body: answer.body_mut().read_to_string().unwrap_or_default() })
        }
    }
}
