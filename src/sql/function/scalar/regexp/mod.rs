//! Functions of regular expressions: what they find, where, and what is between it.

mod arguments;
mod find;
mod finder;
mod replace;
mod split;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::{Body, Function};

pub(super) fn functions() -> impl Iterator<Item = Function> {
    find::functions().into_iter().chain(split::functions()).chain([replace::function()])
}

/// A function that takes the first arguments of this list, so many at least.
fn function(
    name: &'static str,
    arguments: &[DataType],
    least: usize,
    returns: DataType,
    body: Body,
) -> Function {
    let lists = (least..=arguments.len()).filter_map(|count| arguments.get(..count));
    let lists = lists.map(|list| TypeSignature::Exact(list.to_vec())).collect();
    let signature = Signature::one_of(lists, Volatility::Immutable);
    Function { name, signature, returns: Field::new("", returns, true), body }
}
