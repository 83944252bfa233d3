//! Rows declared once: name, meaning, value.

use serde_json::{Map, Value};

/// One column of a kind of row.
pub struct Column<T> {
    /// The field's name in JSON; the table's heading is the same in capitals, with `-` for `_`.
    pub name: &'static str,
    /// What it means, for `-o schema`.
    pub about: &'static str,
    /// Shown in tables only with `-o wide`.
    pub wide: bool,
    /// The row's value.
    pub value: fn(&T) -> Value,
}

impl<T> Column<T> {
    /// A column that every form shows.
    pub const fn new(name: &'static str, about: &'static str, value: fn(&T) -> Value) -> Self {
        Column { name, about, wide: false, value }
    }

    /// A column that plain tables leave out.
    pub const fn wide(name: &'static str, about: &'static str, value: fn(&T) -> Value) -> Self {
        Column { name, about, wide: true, value }
    }
}

/// Rows of one kind, with their kind forgotten.
#[derive(Clone, Debug)]
pub struct Section {
    /// What they are.
    pub name: String,
    /// Name, meaning, wide.
    pub columns: Vec<(&'static str, &'static str, bool)>,
    /// Values, as many in each row as there are columns.
    pub rows: Vec<Vec<Value>>,
}

/// Rows under a name.
pub fn section<T>(name: &str, columns: &[Column<T>], rows: &[T]) -> Section {
    Section {
        name: name.into(),
        columns: columns.iter().map(|column| (column.name, column.about, column.wide)).collect(),
        rows: rows.iter().map(|row| columns.iter().map(|column| (column.value)(row)).collect()).collect(),
    }
}

impl Section {
    /// An array of objects.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Value>| -> Value {
            Value::Object(
                self.columns
                    .iter()
                    .zip(row)
                    .map(|(column, value)| (column.0.to_string(), value.clone()))
                    .collect::<Map<_, _>>(),
            )
        };
        Value::Array(self.rows.iter().map(object).collect())
    }
}
