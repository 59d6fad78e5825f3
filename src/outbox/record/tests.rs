//! Records: what is written is read again, what was damaged is noticed, and the form does not change unnoticed.

mod damaged;
mod round_trip;
mod samples;
mod stable;
