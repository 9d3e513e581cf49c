//! Signatures, real and made for the purpose.

mod certificates;
mod real;
mod signatures;
mod throwaway;
