//! Random statements that write, in and out of transactions, against a map that cannot be wrong.

use std::collections::BTreeMap;

use super::{Client, texts};
use crate::sql::{Outcome, SqlState};

/// Faces that the statements are about: few, so that they meet.
const FACES: u64 = 12;

/// What the collection holds: the name of each face by its number.
type Model = BTreeMap<u64, String>;

/// Pseudo-random numbers; the same seed tells the same story.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn id(number: u64) -> String {
    format!("f_01JABCDEFGHJKMNPQRSTVWX{number:03}")
}

fn row(number: u64, name: &str) -> String {
    format!("('{}', '{name}', '[1,{number}]')", id(number))
}

const INSERT: &str = "INSERT INTO c (face_id, external_face_id, embedding)";

/// A session and what it should see; savepoints and what was committed are older models.
struct Story {
    client: Client,
    random: Random,
    model: Model,
    committed: Model,
    savepoint: Option<Model>,
    in_block: bool,
    names: u64,
}

impl Story {
    async fn new(seed: u64) -> Self {
        let client = Client::new();
        client.run("CREATE COLLECTION c WITH (dimensions = 2)").await;
        let (model, committed) = (Model::new(), Model::new());
        let random = Random(seed * 2 + 1);
        Self { client, random, model, committed, savepoint: None, in_block: false, names: 0 }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    /// One to three faces.
    fn faces(&mut self) -> Vec<u64> {
        (0..=self.random.below(3)).map(|_| self.random.below(FACES)).collect()
    }

    async fn step(&mut self) {
        match self.random.below(12) {
            0..=2 => self.insert().await,
            3..=4 => self.insert_or_nothing().await,
            5..=6 => self.upsert().await,
            7 => self.update().await,
            8 => self.delete().await,
            9 => self.truncate_rarely().await,
            _ => self.transaction().await,
        }
        if !self.in_block {
            self.committed.clone_from(&self.model);
        }
        assert_eq!(self.seen().await, self.model, "after step {}", self.names);
    }

    async fn seen(&self) -> Model {
        let rows = self.client.rows("SELECT face_id, external_face_id FROM c").await;
        let number = |id: &str| id[id.len() - 3..].parse().unwrap();
        rows.into_iter().map(|row| (number(&row[0]), row[1].clone())).collect()
    }

    /// Runs a statement; the rows that it says it changed, or its error, after which a block is
    /// rolled back.
    async fn run(&mut self, sql: &str) -> Result<u64, SqlState> {
        let rows = match self.client.outcome(sql, &[]).await {
            Ok(Outcome::Done { rows, .. }) => Ok(rows.unwrap_or_default()),
            Ok(Outcome::Rows { stream, .. }) => Ok(texts(stream).await.unwrap().len() as u64),
            Ok(other) => panic!("{sql}: {other:?}"),
            Err(error) => Err(error.state),
        };
        if rows.is_err() && self.in_block {
            self.client.run("ROLLBACK").await;
            self.end(false);
        }
        rows
    }

    /// Leaves the block.
    fn end(&mut self, commits: bool) {
        if commits {
            self.committed.clone_from(&self.model);
        } else {
            self.model.clone_from(&self.committed);
        }
        (self.in_block, self.savepoint) = (false, None);
    }

    async fn insert(&mut self) {
        let (faces, name) = (self.faces(), self.name());
        let rows: Vec<_> = faces.iter().map(|face| row(*face, &name)).collect();
        let mut after = self.model.clone();
        let fits = faces.iter().all(|face| after.insert(*face, name.clone()).is_none());
        let outcome = self.run(&format!("{INSERT} VALUES {}", rows.join(", "))).await;
        if fits {
            assert_eq!(outcome, Ok(faces.len() as u64));
            self.model = after;
        } else {
            assert_eq!(outcome, Err(SqlState::UniqueViolation));
        }
    }

    async fn insert_or_nothing(&mut self) {
        let (faces, name) = (self.faces(), self.name());
        let rows: Vec<_> = faces.iter().map(|face| row(*face, &name)).collect();
        let before = self.model.len();
        for face in &faces {
            self.model.entry(*face).or_insert_with(|| name.clone());
        }
        let returning = if self.random.below(2) == 0 { "RETURNING face_id" } else { "" };
        let rows = rows.join(", ");
        let sql = format!("{INSERT} VALUES {rows} ON CONFLICT DO NOTHING {returning}");
        assert_eq!(self.run(&sql).await, Ok((self.model.len() - before) as u64));
    }

    async fn upsert(&mut self) {
        let (faces, name) = (self.faces(), self.name());
        let rows: Vec<_> = faces.iter().map(|face| row(*face, &name)).collect();
        let spared = self.random.below(FACES);
        let sql = format!(
            "{INSERT} VALUES {} ON CONFLICT (face_id) DO UPDATE \
             SET external_face_id = c.external_face_id || excluded.external_face_id \
             WHERE excluded.face_id <> '{}'",
            rows.join(", "),
            id(spared)
        );
        let distinct: std::collections::BTreeSet<_> = faces.iter().collect();
        if distinct.len() < faces.len() {
            assert_eq!(self.run(&sql).await, Err(SqlState::CardinalityViolation));
            return;
        }
        let mut count = 0;
        for face in faces {
            match self.model.get_mut(&face) {
                Some(_) if face == spared => continue,
                Some(kept) => kept.push_str(&name),
                None => drop(self.model.insert(face, name.clone())),
            }
            count += 1;
        }
        assert_eq!(self.run(&sql).await, Ok(count));
    }

    async fn update(&mut self) {
        let (first, name) = (self.random.below(FACES), self.name());
        let mut count = 0;
        for (_, kept) in self.model.range_mut(first..) {
            kept.clone_from(&name);
            count += 1;
        }
        let sql = format!(
            "UPDATE c SET external_face_id = '{name}' WHERE face_id >= '{}' RETURNING face_id",
            id(first)
        );
        assert_eq!(self.run(&sql).await, Ok(count));
    }

    async fn delete(&mut self) {
        let faces = self.faces();
        let before = self.model.len();
        self.model.retain(|face, _| !faces.contains(face));
        let ids: Vec<_> = faces.iter().map(|face| format!("'{}'", id(*face))).collect();
        let sql = format!("DELETE FROM c WHERE face_id IN ({})", ids.join(", "));
        assert_eq!(self.run(&sql).await, Ok((before - self.model.len()) as u64));
    }

    async fn truncate_rarely(&mut self) {
        if self.random.below(4) == 0 {
            self.model.clear();
            assert_eq!(self.run("TRUNCATE c").await, Ok(0));
        }
    }

    async fn transaction(&mut self) {
        match (self.in_block, self.random.below(4), self.savepoint.clone()) {
            (false, ..) => {
                self.client.run("BEGIN").await;
                self.in_block = true;
            }
            (true, 0, _) => {
                self.client.run("COMMIT").await;
                self.end(true);
            }
            (true, 1, _) => {
                self.client.run("ROLLBACK").await;
                self.end(false);
            }
            (true, 2, Some(model)) => {
                self.client.run("ROLLBACK TO s").await;
                self.model = model;
            }
            (true, ..) => {
                self.client.run("SAVEPOINT s").await;
                self.savepoint = Some(self.model.clone());
            }
        }
    }
}

#[tokio::test]
async fn a_collection_holds_what_its_statements_say() {
    for seed in 1..=6 {
        let mut story = Story::new(seed).await;
        for _ in 0..60 {
            story.step().await;
        }
        let other = story.client.another();
        let committed = Story { client: other, ..story };
        assert_eq!(committed.seen().await, committed.committed, "seed {seed}: what others see");
    }
}
