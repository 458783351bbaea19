//! The guest's check of signatures, which the core compiles for the guest and its own tests only.

pub use zkclob_core::secp256k1::{Point, Refused, Signature, SignatureError};

#[path = "../../core/src/secp256k1/batch.rs"]
pub mod batch;
#[path = "../../core/src/secp256k1/glv.rs"]
pub mod glv;
#[path = "../../core/src/secp256k1/msm.rs"]
pub mod msm;
#[path = "../../core/src/secp256k1/ops.rs"]
pub mod ops;
#[path = "../../core/src/secp256k1/point.rs"]
pub mod point;
