//! `greatest` and `least` of values that are compared otherwise than the planner compares them:
//! documents by what they mean, intervals by how long they are.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use datafusion::arrow::array::{Array, ArrayRef, make_comparator};
use datafusion::arrow::compute::{SortOptions, cast, interleave};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// For each value of a column what it is compared by.
pub(super) type Keys = fn(&ArrayRef) -> Result<ArrayRef, DataFusionError>;

/// The greatest of `values` of a type, or the least; NULLs are passed over.
pub(in crate::sql) fn extreme(
    name: &str,
    data_type: DataType,
    keys: Keys,
    values: Vec<Expr>,
) -> Expr {
    let wanted = if name == "greatest" { Ordering::Greater } else { Ordering::Less };
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::from(Extreme { wanted, data_type, keys, signature }).call(values)
}

#[derive(Debug)]
struct Extreme {
    wanted: Ordering,
    data_type: DataType,
    keys: Keys,
    signature: Signature,
}

impl PartialEq for Extreme {
    fn eq(&self, other: &Self) -> bool {
        (self.wanted, &self.data_type) == (other.wanted, &other.data_type)
    }
}

impl Eq for Extreme {}

impl Hash for Extreme {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.wanted, &self.data_type).hash(state);
    }
}

impl Extreme {
    /// For each row the place of the argument that is wanted; that of the first where all are NULL.
    fn places(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<usize>, DataFusionError> {
        let mut places = vec![0; rows];
        for (at, others) in keys.iter().enumerate().skip(1) {
            let comparators = keys.iter().take(at).map(|best| {
                Ok(make_comparator(others.as_ref(), best.as_ref(), SortOptions::default())?)
            });
            let comparators = comparators.collect::<Result<Vec<_>, DataFusionError>>()?;
            for (row, place) in places.iter_mut().enumerate() {
                let (Some(best), Some(compare)) = (keys.get(*place), comparators.get(*place))
                else {
                    return internal_err!("as many arguments as there are");
                };
                let wins = best.is_null(row) || compare(row, row) == self.wanted;
                if !others.is_null(row) && wins {
                    *place = at;
                }
            }
        }
        Ok(places)
    }
}

impl ScalarUDFImpl for Extreme {
    fn name(&self) -> &'static str {
        if self.wanted.is_gt() { "greatest value" } else { "least value" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments
            .args
            .into_iter()
            .map(|argument| Ok(cast(&argument.into_array(rows)?, &self.data_type)?));
        let columns = columns.collect::<Result<Vec<_>, DataFusionError>>()?;
        let keys = columns.iter().map(self.keys);
        let places = self.places(&keys.collect::<Result<Vec<_>, _>>()?, rows)?;
        let from: Vec<(usize, usize)> =
            places.into_iter().enumerate().map(|(row, place)| (place, row)).collect();
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(interleave(&columns, &from)?))
    }
}
