//! What all functions of dates, times and intervals are made of.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::answer::wording::type_name;
use crate::sql::value::infinity::midnight_of;
use crate::sql::{SqlError, SqlState};

pub(in crate::sql) const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
pub(in crate::sql) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

pub(super) fn timestamptz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The type of a function's results, by the types of its arguments and those that are constants.
type Returns = fn(&ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError>;

/// What computes a column of results; the last argument is the type they have.
type Body = fn(&[ArrayRef], &DataType) -> Result<ArrayRef, DataFusionError>;

/// A function that looks at the types of its arguments.
#[derive(Debug)]
pub(super) struct TimeFunction {
    name: &'static str,
    signature: Signature,
    returns: Returns,
    body: Body,
}

impl TimeFunction {
    /// A function of so many arguments.
    pub(super) fn of(
        name: &'static str,
        arguments: &[usize],
        returns: Returns,
        body: Body,
    ) -> ScalarUDF {
        let counts = arguments.iter().copied().map(TypeSignature::Any).collect();
        let signature = Signature::one_of(counts, Volatility::Immutable);
        ScalarUDF::from(Self { name, signature, returns, body })
    }
}

impl PartialEq for TimeFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TimeFunction {}

impl Hash for TimeFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for TimeFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{} tells its field", self.name)
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let data_type = (self.returns)(&arguments)?;
        Ok(Arc::new(Field::new(self.name, data_type, true)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let is_scalar = |argument: &ColumnarValue| matches!(argument, ColumnarValue::Scalar(_));
        let constant = arguments.args.iter().all(is_scalar);
        let rows = if constant { 1 } else { arguments.number_rows };
        let columns = arguments.args.into_iter().map(|argument| argument.into_array(rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let results = (self.body)(&columns, arguments.return_field.data_type())?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&results, 0)?)
        } else {
            ColumnarValue::Array(results)
        })
    }
}

/// The types of the arguments of a call.
pub(super) fn types<'a>(arguments: &'a ReturnFieldArgs<'_>) -> Vec<&'a DataType> {
    arguments.arg_fields.iter().map(|field| field.data_type()).collect()
}

/// What is said of a call with arguments that no function of the name has.
pub(super) fn undefined(name: &str, arguments: &ReturnFieldArgs<'_>) -> DataFusionError {
    let types = types(arguments).into_iter().map(|data_type| {
        let known = Kind::of(data_type).map(|kind| kind.name().to_owned());
        known.unwrap_or_else(|| type_name(&data_type.to_string()).to_owned())
    });
    let types: Vec<_> = types.collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    SqlError::new(SqlState::UndefinedFunction, message).into()
}

/// The type of a time or a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
}

impl Kind {
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::Timestamptz => "timestamp with time zone",
            Self::Interval => "interval",
        }
    }
}

/// A column of dates or moments as moments, infinite ones included.
pub(in crate::sql) fn moments(values: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let Some(days) = values.as_primitive_opt::<Date32Type>() else {
        return Ok(cast(values, &TIMESTAMP)?);
    };
    let moment = |day| midnight_of(day).ok_or_else(|| out_of_range("timestamp"));
    let moments = days.iter().map(|day| day.map(moment).transpose());
    Ok(Arc::new(moments.collect::<Result<TimestampMicrosecondArray, _>>()?))
}

pub(super) fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, format!("{what} out of range"))
}
