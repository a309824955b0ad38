//! `edge-agent check-template`, as somebody who writes a template sees it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates")
}

/// Exit code and what was said on both streams.
fn check(template: &Path, samples: &[PathBuf], flags: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-agent"));
    command.arg("check-template").args(flags).arg(template).args(samples);
    let ended = command.output().unwrap();
    let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
    (ended.status.code().unwrap(), said)
}

fn sample(name: &str) -> PathBuf {
    templates().join("samples").join(name)
}

#[test]
fn every_field_is_shown_with_its_line_and_nobodys_number() {
    let (code, said) =
        check(&templates().join("zh-generic.toml"), &[sample("zh-retail-reprint.bin")], &["--lines"]);
    assert_eq!(code, 0, "{said}");
    for wanted in [
        "paper 1: sale, a copy",
        "number           YJ20251121-0057          line 4, rule 1: 小票号:YJ20251121-0057",
        "tendered         500.00                   line 12, rule 2: 实收: ¥500.00",
        "member           *******2345",
        "(reprint)        yes                      line 1: ***补打***",
        "= sale, number YJ20251121-0057, total 497.00 CNY, 2025-11-21 18:42:07",
        "  16 | 谢谢惠顾",
        "1 of 1 sample read in full",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in\n{said}");
    }
    assert!(!said.contains("88006612345") && !said.contains("13812345678"), "{said}");
}

#[test]
fn what_is_missing_is_told_with_a_rule_that_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    let paper = write(
        "paper.txt",
        "云上店\nBeleg_4: 0057-1\nZeit 2025-11-21 18:42\n商品 A 40.00\nTO PAY (all)   1,240.00\n",
    );
    let mut template =
        String::from("currency = 'CNY'\n[fields]\nnumber = 'x(1)'\ntotal = 'x(1)'\ndatetime = 'x(1)'\n");
    let (code, said) = check(&write("t.toml", &template), std::slice::from_ref(&paper), &[]);
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("! total: none of the 5 lines fits its rule"), "{said}");
    assert!(said.contains("line 5 may be it: TO PAY (all)   1,240.00"), "{said}");
    // The rules it proposes, in the place of those that find nothing.
    for field in ["number", "total", "datetime"] {
        let rule =
            said.lines().map(str::trim).rfind(|line| line.starts_with(&format!("{field} = ['"))).unwrap();
        template = template.replace(&format!("{field} = 'x(1)'"), rule);
    }
    let (code, said) = check(&write("t.toml", &template), &[paper], &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("= sale, number 0057-1, total 1240.00 CNY, 2025-11-21 18:42:00"), "{said}");
}

#[test]
fn settings_of_another_printer_are_told_with_what_they_should_be() {
    let zh = templates().join("zh-generic.toml");
    let (code, said) = check(&zh, &[sample("zh-utf8.bin")], &[]);
    assert_eq!(code, 65);
    assert!(said.contains("all can be read with encoding = \"utf-8\""), "{said}");
    let (_, said) = check(&templates().join("pt-br-generic.toml"), &[sample("pt-br-bematech.bin")], &[]);
    assert!(said.contains("are not in dialect \"epson\"") && said.contains("\"bematech\""), "{said}");
    let (code, said) = check(&zh, &[sample("zh-raster.bin")], &[]);
    assert_eq!(code, 65);
    assert!(said.contains("images only, no text: recorded as unreadable"), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let wide = dir.path().join("wide.bin");
    std::fs::write(&wide, [b"\x1b@NO:7\n".as_slice(), b"TOTAL", &[b' '; 60], b"12.00\n"].concat()).unwrap();
    // 单号:A100, 合计:8 in UTF-8: every pair of bytes is a character of GBK, too.
    let utf_8 = dir.path().join("utf8.bin");
    std::fs::write(&utf_8, "\u{1b}@单号:A100\n合计:8.00\n").unwrap();
    let (_, said) = check(&zh, &[utf_8], &[]);
    assert!(said.contains("well-formed UTF-8") && said.contains("encoding = \"utf-8\""), "{said}");
    // A print stays one, called .txt or not.
    let gbk = dir.path().join("gbk.txt");
    std::fs::write(&gbk, b"\xb5\xa5\xba\xc5:A100\n\xba\xcf\xbc\xc6:8.00\n").unwrap();
    let (_, said) = check(&zh, &[gbk], &[]);
    assert!(said.contains("= sale, number A100, total 8.00") && !said.contains("UTF-8"), "{said}");
    let (_, said) = check(&zh, &[wide], &[]);
    assert!(said.contains("1 line did not fit 48 columns"), "{said}");
}

#[test]
fn a_wrong_template_is_told_in_full_and_a_right_one_needs_no_sample() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    std::fs::write(
        &path,
        "dialect = 'x'\ncolumns = 1\n[fields]\ntotal = '(['\nsum = 'y'\nchange = '{amuont}'\n",
    )
    .unwrap();
    let (code, said) = check(&path, &[], &[]);
    assert_eq!(code, 64);
    for key in
        ["dialect:", "columns:", "fields.total:", "fields.sum:", "unknown block {amuont}; known are {amount}"]
    {
        assert!(said.contains(key), "{key} is not in\n{said}");
    }
    for entry in std::fs::read_dir(templates()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let (code, said) = check(&path, &[], &[]);
            assert_eq!(code, 0, "{said}");
        }
    }
}
