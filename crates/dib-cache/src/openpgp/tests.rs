//! Signatures, real and made for the purpose.

mod certificates;
mod garbage;
mod real;
mod signatures;
mod throwaway;
