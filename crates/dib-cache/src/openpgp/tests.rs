//! Signatures, real and made for the purpose.

mod certificates;
mod clearsigned;
mod garbage;
mod real;
mod signatures;
mod throwaway;
