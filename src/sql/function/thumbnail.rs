//! `face_thumbnail(collection, face_id)`: the small picture that a collection keeps of a face.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BinaryArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::biometric::FaceId;
use crate::engine::TenantSnapshot;
use crate::sql::SqlError;

const NAME: &str = "face_thumbnail";

/// Makes the function known to a statement that sees `snapshot`.
pub(in crate::sql) fn register_with(
    state: &mut SessionState,
    snapshot: &TenantSnapshot,
) -> Result<(), SqlError> {
    let arguments = vec![DataType::Utf8, DataType::Utf8];
    // Every look at a thumbnail is recorded, so none may happen while a statement is planned.
    let signature = Signature::exact(arguments, Volatility::Volatile);
    let function = FaceThumbnail { snapshot: snapshot.clone(), signature };
    state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    Ok(())
}

/// The function, with what it looks into.
#[derive(Debug)]
struct FaceThumbnail {
    snapshot: TenantSnapshot,
    signature: Signature,
}

/// Within one statement a name has one meaning.
impl PartialEq for FaceThumbnail {
    fn eq(&self, other: &Self) -> bool {
        self.signature == other.signature
    }
}

impl Eq for FaceThumbnail {}

impl Hash for FaceThumbnail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

impl ScalarUDFImpl for FaceThumbnail {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments.args.into_iter().map(|argument| argument.into_array(rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let texts: Vec<_> = columns.iter().map(AsArray::as_string::<i32>).collect();
        let mut wanted: BTreeMap<&str, Vec<(usize, FaceId)>> = BTreeMap::new();
        for at in 0..rows {
            if let Some([collection, face_id]) = cells(&texts, at) {
                let places = wanted.entry(collection).or_default();
                // What is no id is nobody's.
                places.extend(face_id.parse().ok().map(|face_id| (at, face_id)));
            }
        }
        let mut found = vec![None; rows];
        for (collection, places) in wanted {
            let face_ids: Vec<FaceId> = places.iter().map(|(_, face_id)| *face_id).collect();
            let thumbnails = self.snapshot.thumbnails(collection, &face_ids);
            for ((at, _), thumbnail) in places.iter().zip(thumbnails.map_err(SqlError::from)?) {
                if let Some(place) = found.get_mut(*at) {
                    *place = thumbnail;
                }
            }
        }
        Ok(ColumnarValue::Array(Arc::new(found.into_iter().collect::<BinaryArray>())))
    }
}

/// The arguments of a row; none where one is NULL.
fn cells<'a>(columns: &[&'a StringArray], row: usize) -> Option<[&'a str; 2]> {
    match columns {
        [collection, face_id] if collection.is_valid(row) && face_id.is_valid(row) => {
            Some([collection.value(row), face_id.value(row)])
        }
        _ => None,
    }
}
