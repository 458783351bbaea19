//! The pointer to a trie's node. Natively nodes are shared between tries, counted, and copied on write.
//!
//! The guest has one trie of each map and never copies it, so it does without counts, which would be a fifth of what a
//! trie costs it, and never gives memory back.

#[cfg(target_os = "zkvm")]
pub use guest::Shared;
#[cfg(not(target_os = "zkvm"))]
pub use std::sync::Arc as Shared;

#[cfg(target_os = "zkvm")]
mod guest {
    use std::ops::Deref;
    use std::ptr::NonNull;

    /// The only pointer to its node: whoever clones it overwrites the one that was cloned before anything is read through
    /// either, as adding and removing a leaf do.
    pub struct Shared<T>(NonNull<T>);

    impl<T> Shared<T> {
        #[inline(always)]
        pub fn new(value: T) -> Self {
            Self(NonNull::from(Box::leak(Box::new(value))))
        }

        #[inline(always)]
        pub fn get_mut(this: &mut Self) -> Option<&mut T> {
            // SAFETY: never freed, and the only pointer to the value.
            Some(unsafe { this.0.as_mut() })
        }
    }

    impl<T> Clone for Shared<T> {
        #[inline(always)]
        fn clone(&self) -> Self {
            Self(self.0)
        }
    }

    impl<T> Deref for Shared<T> {
        type Target = T;

        #[inline(always)]
        fn deref(&self) -> &T {
            // SAFETY: as above.
            unsafe { self.0.as_ref() }
        }
    }
}
