//! From the text of a message to statements: tokens, PostgreSQL's grammar with our own words, and
//! what is refused by name.

pub(super) mod changing;
pub(super) mod dialect;
pub(super) mod expansion;
pub(super) mod explain;
pub(super) mod faulty;
mod fetch;
pub(super) mod from;
mod growth;
pub(super) mod kind;
pub(super) mod lexer;
pub(super) mod marker;
pub(super) mod name;
pub(super) mod operands;
pub(super) mod parser;
pub(super) mod places;
pub(super) mod position;
pub(super) mod prepare;
pub(super) mod reading;
pub(super) mod refusal;
pub(super) mod schema;
pub(super) mod spelling;
pub(super) mod statement;
pub(super) mod with;
pub(super) mod words;
