//! One client that enrols and deletes, and knows what the server told it.

use std::collections::BTreeMap;

use likeness::biometric::SyntheticFaces;
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::random::Random;
use crate::support::as_text;

pub(super) const DIMENSIONS: usize = 16;
/// A writer with more faces than this mostly deletes.
const FACES: usize = 80;
const BATCH_ROWS: usize = 16;
/// Characters of the longest metadata, so that a statement's record spans many blocks of the log.
const METADATA: usize = 6000;

/// A face as its writer made it.
#[derive(Clone, Debug)]
pub(super) struct Face {
    /// The `external_image_id`: which statement enrolled it.
    pub(super) batch: String,
    /// What its embedding is made from.
    seed: u64,
    /// None until the server has said it.
    pub(super) id: Option<String>,
}

impl Face {
    pub(super) fn embedding(&self) -> Vec<f32> {
        SyntheticFaces::new(self.seed, DIMENSIONS).identity(1).remove(0)
    }
}

/// Faces by their `external_face_id`.
pub(super) type Faces = BTreeMap<String, Face>;

/// A statement that was sent and not answered.
#[derive(Debug)]
pub(super) enum Attempt {
    Insert(Faces),
    Delete(Vec<String>),
}

#[derive(Debug)]
pub(super) struct Writer {
    number: u64,
    /// Numbers of batches and seeds of faces, never used twice.
    serial: u64,
    random: Random,
    /// What was acknowledged and not deleted since.
    pub(super) faces: Faces,
    pub(super) attempt: Option<Attempt>,
}

impl Writer {
    pub(super) fn new(number: u64, random: Random) -> Self {
        Self { number, serial: 0, random, faces: Faces::new(), attempt: None }
    }

    /// Sends statement after statement until the server is gone, and reports each acknowledged one.
    pub(super) async fn run(mut self, client: Client, acknowledged: UnboundedSender<()>) -> Self {
        while let Ok(()) = self.step(&client, &acknowledged).await {}
        self
    }

    async fn step(&mut self, client: &Client, told: &UnboundedSender<()>) -> Result<(), Error> {
        let known = self.faces.keys().nth(self.random.below(self.faces.len().max(1))).cloned();
        let deletes = if self.faces.len() > FACES { 80 } else { 35 };
        match known {
            Some(name) if self.random.percent(deletes) => {
                if self.random.percent(30) {
                    let batch = self.faces[&name].batch.clone();
                    return self.delete("external_image_id", &batch, client, told).await;
                }
                self.delete("external_face_id", &name, client, told).await?;
                if self.random.percent(50) {
                    return self.insert(vec![name], client, told).await;
                }
                Ok(())
            }
            _ => {
                let rows =
                    if self.random.percent(50) { 1 } else { 2 + self.random.below(BATCH_ROWS - 1) };
                let name = |row| format!("{}-{}-{row}", self.number, self.serial);
                let names = (0..rows).map(name).collect();
                self.insert(names, client, told).await
            }
        }
    }

    async fn insert(
        &mut self,
        names: Vec<String>,
        client: &Client,
        told: &UnboundedSender<()>,
    ) -> Result<(), Error> {
        let batch = format!("{}-{}", self.number, self.serial);
        let mut faces = Faces::new();
        let mut rows = Vec::new();
        for name in names {
            self.serial += 1;
            let seed = (self.number << 32) | self.serial;
            let face = Face { batch: batch.clone(), seed, id: None };
            let padding = "x".repeat(self.random.below(METADATA));
            rows.push(format!(
                "('{name}', '{batch}', '{{\"padding\": \"{padding}\"}}', '{}')",
                as_text(&face.embedding())
            ));
            faces.insert(name, face);
        }
        let insert = format!(
            "INSERT INTO crash (external_face_id, external_image_id, metadata, embedding) \
             VALUES {} RETURNING face_id, external_face_id",
            rows.join(", ")
        );
        self.attempt = Some(Attempt::Insert(faces.clone()));
        let answer = refusals_are_bugs(client.simple_query(&insert).await)?;
        for message in answer {
            let SimpleQueryMessage::Row(row) = message else { continue };
            let face = faces.get_mut(row.get(1).unwrap()).unwrap();
            face.id = Some(row.get(0).unwrap().to_owned());
        }
        assert!(faces.values().all(|face| face.id.is_some()), "rows missing of {insert}");
        self.faces.append(&mut faces);
        self.acknowledge(told);
        Ok(())
    }

    async fn delete(
        &mut self,
        column: &str,
        value: &str,
        client: &Client,
        told: &UnboundedSender<()>,
    ) -> Result<(), Error> {
        let meant = |(name, face): &(&String, &Face)| match column {
            "external_face_id" => *name == value,
            _ => face.batch == value,
        };
        let names: Vec<_> = self.faces.iter().filter(meant).map(|(name, _)| name.clone()).collect();
        self.attempt = Some(Attempt::Delete(names.clone()));
        let delete = format!("DELETE FROM crash WHERE {column} = '{value}'");
        let deleted = refusals_are_bugs(client.execute(delete.as_str(), &[]).await)?;
        assert_eq!(deleted, names.len() as u64, "{delete}");
        self.faces.retain(|name, _| !names.contains(name));
        self.acknowledge(told);
        Ok(())
    }

    fn acknowledge(&mut self, told: &UnboundedSender<()>) {
        self.attempt = None;
        // Nobody counts any more once the kill is decided.
        let _ = told.send(());
    }
}

/// A statement may fail because the server is gone, and for nothing else.
fn refusals_are_bugs<T>(outcome: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &outcome
        && let Some(refusal) = error.as_db_error()
    {
        panic!("refused: {refusal}");
    }
    outcome
}
