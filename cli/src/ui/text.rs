//! Rows as text: table, TSV, schema; and YAML from JSON.

use super::Section;
use serde_json::Value;
use std::fmt::Write;

/// A value in a table cell.
fn cell(value: &Value, absent: &str) -> String {
    match value {
        Value::Null => absent.into(),
        Value::String(text) if text.is_empty() => absent.into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => absent.into(),
        Value::Object(fields) if fields.is_empty() => absent.into(),
        Value::Array(items) => items.iter().map(|item| cell(item, absent)).collect::<Vec<_>>().join(","),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}={}", cell(value, absent))).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// Aligned columns under capitals without spaces, so that awk can count them.
pub fn table(section: &Section, wide: bool, color: bool) -> String {
    let shown: Vec<usize> = (0..section.columns.len()).filter(|&i| wide || !section.columns[i].2).collect();
    let heads: Vec<String> = shown.iter().map(|&i| section.columns[i].0.to_uppercase().replace('_', "-")).collect();
    let rows: Vec<Vec<String>> =
        section.rows.iter().map(|row| shown.iter().map(|&i| one_line(&cell(&row[i], "-"))).collect()).collect();
    let width = |i: usize| {
        let cells = rows.iter().map(|row: &Vec<String>| row[i].chars().count());
        cells.chain([heads[i].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..shown.len()).map(width).collect();
    let mut text = String::new();
    let mut line = |cells: &[String], code: &str| {
        let last = cells.len().saturating_sub(1);
        let mut joined = String::new();
        for (i, cell) in cells.iter().enumerate() {
            let pad = if i == last { 0 } else { widths[i] + 2 - cell.chars().count() };
            let _ = write!(joined, "{cell}{}", " ".repeat(pad));
        }
        if code.is_empty() {
            text.push_str(&joined);
        } else {
            let _ = write!(text, "\x1b[{code}m{joined}\x1b[0m");
        }
        text.push('\n');
    };
    line(&heads, if color { "1" } else { "" });
    for row in &rows {
        line(row, "");
    }
    text
}

/// Line breaks, tabs and other control characters would break the columns.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One line a row, tabs between, every column, nothing for what is absent.
pub fn tsv(section: &Section) -> String {
    let mut text = String::new();
    for row in &section.rows {
        let cells: Vec<String> = row.iter().map(|value| one_line(&cell(value, ""))).collect();
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    text
}

/// What the rows consist of.
pub fn schema(section: &Section) -> String {
    let width = section.columns.iter().map(|column| column.0.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, about, _) in &section.columns {
        let _ = writeln!(text, "{name:width$}  {about}");
    }
    text
}

/// A JSON value as YAML.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    yaml_at(value, 0, &mut text);
    text
}

fn yaml_at(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let _ = write!(text, "{indent}{}:", yaml_scalar(&Value::String(key.clone())));
                yaml_value(value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                yaml_at(item, depth + 1, &mut inner);
                let _ = writeln!(text, "{indent}- {}", inner.trim());
            }
        }
        scalar => {
            let _ = writeln!(text, "{indent}{}", yaml_scalar(scalar));
        }
    }
}

fn yaml_value(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            yaml_at(value, depth + 1, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            yaml_at(value, depth + 1, text);
        }
        scalar => {
            let _ = writeln!(text, " {}", yaml_scalar(scalar));
        }
    }
}

/// Plain where plain is safe, else quoted as JSON quotes (which YAML reads).
fn yaml_scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if starts && text.chars().all(safe) && !word.contains(&text.to_lowercase().as_str()) {
        text.clone()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Column, section};
    use expect_test::expect;
    use serde_json::json;

    fn rows() -> Section {
        let columns: &[Column<(&str, i64)>] = &[
            Column::new("topic_name", "the name", |row| json!(row.0)),
            Column::wide("bytes", "the size", |row| json!(row.1)),
            Column::new("isr", "in sync", |row| if row.1 == 0 { json!([]) } else { json!([1, row.1]) }),
        ];
        section("x", columns, &[("a", 0), ("long name", 22)])
    }

    #[test]
    fn tables_align_and_headings_are_one_word() {
        expect![[r#"
            TOPIC-NAME  ISR
            a           -
            long name   1,22
        "#]]
        .assert_eq(&table(&rows(), false, false));
        expect![[r#"
            TOPIC-NAME  BYTES  ISR
            a           0      -
            long name   22     1,22
        "#]]
        .assert_eq(&table(&rows(), true, false));
    }

    #[test]
    fn tsv_has_every_column_and_no_heading() {
        assert_eq!(tsv(&rows()), "a\t0\t\nlong name\t22\t1,22\n");
    }

    #[test]
    fn yaml_reads_back_as_the_same_values() {
        let value = json!({"kq": 1, "data": [{"name": "a b", "n": null, "on": "on", "list": [1, "2"]}, {"name": "x"}], "e": []});
        expect![[r#"
            kq: 1
            data:
              - name: "a b"
                "n": null
                "on": "on"
                list:
                  - 1
                  - "2"
              - name: x
            e: []
        "#]]
        .assert_eq(&yaml(&value));
    }
}
