//! `pg_sleep`, `pg_sleep_for` and `pg_sleep_until`: a statement waits for a while.
//!
//! It keeps no thread meanwhile, and whatever ends statements ends it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::not_impl_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::sql::SqlError;
use crate::sql::value::moment::{Moment, WrongMoment};

const SECONDS_PER_DAY: f64 = 86_400.0;
const NANOSECONDS_PER_SECOND: f64 = 1e9;
const DAYS_PER_MONTH: f64 = 30.0;

/// Registers all of them.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let exact = |data_type| Signature::exact(vec![data_type], Volatility::Volatile);
    for (name, end, signature) in [
        ("pg_sleep", End::Seconds, exact(DataType::Float64)),
        ("pg_sleep_for", End::Span, exact(interval)),
        ("pg_sleep_until", End::Moment, Signature::any(1, Volatility::Volatile)),
    ] {
        let function = AsyncScalarUDF::new(Arc::new(Sleep { name, end, signature }));
        state.register_udf(Arc::new(function.into_scalar_udf()))?;
    }
    Ok(())
}

/// What says how long a statement waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Seconds,
    Span,
    Moment,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sleep {
    name: &'static str,
    end: End,
    signature: Signature,
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Nothing, which is an empty text to clients.
    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        not_impl_err!("{} here", self.name)
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Sleep {
    async fn invoke_async_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let Some(given) = arguments.args.into_iter().next() else {
            return not_impl_err!("{} of nothing", self.name);
        };
        let given = given.into_array(rows)?;
        for row in (0..rows).filter(|row| given.is_valid(*row)) {
            tokio::time::sleep(self.end.length(&given, row)?).await;
        }
        let slept = (0..rows).map(|row| given.is_valid(row).then_some(""));
        Ok(ColumnarValue::Array(Arc::new(slept.collect::<StringArray>())))
    }
}

impl End {
    /// How long it is to what stands in a row.
    fn length(self, given: &ArrayRef, row: usize) -> Result<Duration, DataFusionError> {
        Ok(match self {
            Self::Seconds => seconds(given.as_primitive::<Float64Type>().value(row)),
            Self::Span => {
                seconds(whole_seconds(given.as_primitive::<IntervalMonthDayNanoType>().value(row)))
            }
            Self::Moment => {
                let moment = microseconds(given, row)?;
                let since = Duration::from_micros(u64::try_from(moment).unwrap_or_default());
                let moment = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
                moment.duration_since(SystemTime::now()).unwrap_or_default()
            }
        })
    }
}

/// So many seconds; none where they are negative.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

fn whole_seconds(span: IntervalMonthDayNano) -> f64 {
    let days = f64::from(span.months) * DAYS_PER_MONTH + f64::from(span.days);
    days * SECONDS_PER_DAY + span.nanoseconds as f64 / NANOSECONDS_PER_SECOND
}

/// The moment in a row, in microseconds since 1970.
fn microseconds(given: &ArrayRef, row: usize) -> Result<i64, DataFusionError> {
    if let Some(texts) = given.as_string_opt::<i32>() {
        let text = texts.value(row);
        let wrong = |wrong: WrongMoment| wrong.error(text, "timestamp with time zone");
        let moment = Moment::read(text, Utc::now()).and_then(|moment| moment.utc());
        return Ok(moment.map_err(wrong)?);
    }
    let moments = cast(given, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
    Ok(moments.as_primitive::<TimestampMicrosecondType>().value(row))
}
