//! What the precompiles do to points, which are affine, x then y, as little-endian words.

/// A point as the precompiles have it. Neither the point at infinity nor an unreduced coordinate can be given to them.
pub type Affine = super::Point;

#[cfg(target_os = "zkvm")]
pub use precompiles::{add, double};
#[cfg(not(target_os = "zkvm"))]
pub use reference::{add, double};

#[cfg(target_os = "zkvm")]
mod precompiles {
    use super::Affine;

    /// `p += q`. The caller has made sure that their x differ: else any result could be proven.
    pub fn add(p: &mut Affine, q: &Affine) {
        // SAFETY: valid, aligned pointers to memory that is not shared.
        unsafe { sp1_lib::syscall_secp256k1_add(p, q) }
    }

    /// `p += p`.
    pub fn double(p: &mut Affine) {
        // SAFETY: as above.
        unsafe { sp1_lib::syscall_secp256k1_double(p) }
    }
}

#[cfg(not(target_os = "zkvm"))]
mod reference {
    use super::Affine;
    use crate::secp256k1::point::FIELD_MODULUS;

    type Element = ruint::aliases::U256;
    const P: Element = Element::from_limbs(FIELD_MODULUS);

    /// `p += q`.
    ///
    /// # Panics
    /// If their x are equal, where the precompile's result is not defined.
    pub fn add(p: &mut Affine, q: &Affine) {
        let ((x1, y1), (x2, y2)) = (split(p), split(q));
        let run = sub(x2, x1).inv_mod(P).expect("the points have different x");
        *p = chord(x1, y1, x2, sub(y2, y1).mul_mod(run, P));
    }

    /// `p += p`.
    pub fn double(p: &mut Affine) {
        let (x, y) = split(p);
        let run = y.add_mod(y, P).inv_mod(P).expect("no point of the curve has y = 0");
        *p = chord(x, y, x, Element::from(3).mul_mod(x, P).mul_mod(x, P).mul_mod(run, P));
    }

    /// The third point on the line of slope `slope` through (x1, y1) and a point at `x2`, mirrored.
    fn chord(x1: Element, y1: Element, x2: Element, slope: Element) -> Affine {
        let x = sub(sub(slope.mul_mod(slope, P), x1), x2);
        let y = sub(slope.mul_mod(sub(x1, x), P), y1);
        let mut point = [0; 8];
        point[..4].copy_from_slice(x.as_limbs());
        point[4..].copy_from_slice(y.as_limbs());
        point
    }

    fn sub(a: Element, b: Element) -> Element {
        a.add_mod(P - b, P)
    }

    fn split(p: &Affine) -> (Element, Element) {
        (Element::from_limbs_slice(&p[..4]), Element::from_limbs_slice(&p[4..]))
    }
}
