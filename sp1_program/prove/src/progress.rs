//! What a stage says while it runs, on standard error: SP1 reports its steps as tracing spans.

use std::sync::{Arc, Mutex};
use std::time::Instant;
use tracing::span::Id;
use tracing::Subscriber;
use tracing_subscriber::filter::{filter_fn, LevelFilter};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::Layer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Core,
    Normalize,
    Reduce,
}

/// SP1's names of the spans that end with a proof.
fn step(span: &str) -> Option<Step> {
    match span {
        "core prove with pk" | "core setup and prove" => Some(Step::Core),
        "normalize prove shard" => Some(Step::Normalize),
        "RecursionReduce" => Some(Step::Reduce),
        _ => None,
    }
}

/// Counts the proofs that were made and says so.
#[derive(Clone)]
pub struct Progress {
    start: Instant,
    ends: Arc<Mutex<Vec<(Step, Instant)>>>,
}

impl Progress {
    /// Listens to SP1 from now on; warnings and errors go to standard error too.
    pub fn listen() -> Self {
        let progress = Self { start: Instant::now(), ends: Arc::default() };
        let steps =
            progress.clone().with_filter(filter_fn(|meta| meta.is_span() && step(meta.name()).is_some()));
        let warnings = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_filter(LevelFilter::WARN);
        tracing_subscriber::registry().with(steps).with(warnings).init();
        progress
    }

    pub fn say(&self, message: &str) {
        eprintln!("zkclob-prove: {:5.0} s  {message}", self.start.elapsed().as_secs_f64());
    }

    pub fn count(&self, step: Step) -> usize {
        self.ends.lock().unwrap().iter().filter(|(ended, _)| *ended == step).count()
    }

    /// When the latest proof of this kind was ready.
    pub fn last(&self, step: Step) -> Option<Instant> {
        self.ends.lock().unwrap().iter().rev().find(|(ended, _)| *ended == step).map(|(_, end)| *end)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Progress {
    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(step) = context.span(&id).and_then(|span| step(span.name())) else { return };
        self.ends.lock().unwrap().push((step, Instant::now()));
        let number = self.count(step);
        self.say(&match step {
            Step::Core => format!("core proof of shard {number}"),
            Step::Normalize => format!("recursion proof of shard {number}"),
            Step::Reduce => format!("reduction {number}"),
        });
    }
}
