//! Small streams of our own making, with what they print: one for each way real tills print.
//!
//! They are committed as fuzz seeds (`fuzz/seeds/escpos_*`), byte for byte as made here.

use gateway::pos::escpos::pages::MultiByte;
use gateway::pos::escpos::{Dialect, Printer};

/// A stream, the printer it is for, and the lines of each receipt.
pub struct Sample {
    pub name: &'static str,
    pub printer: Printer,
    pub bytes: Vec<u8>,
    pub receipts: Vec<Vec<&'static str>>,
}

fn encoded(label: &str, parts: &[&str]) -> Vec<u8> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
    let (bytes, _, bad) = encoding.encode(&parts.concat()).clone();
    assert!(!bad, "{label}");
    bytes.into_owned()
}

pub fn all() -> Vec<Sample> {
    vec![
        Sample {
            name: "gbk_sale",
            printer: Printer::default(),
            bytes: encoded(
                "gbk",
                &[
                    "\x1b@\x1ba\x01\x1d!\x11星河服饰\x1d!\x00\n\x1ba\x00单号：10002\n日期：2026-03-25 14:11\n",
                    "--------------------------------\n品名\x1b$\x78\x00数量\x1b$\x78\x01金额\n",
                    "连衣裙\x1b$\x78\x00   1\x1b$\x60\x01 242.00\n",
                    "\x1bE\x01合计：\x1bE\x00\t￥242.00\n实收：300.00  找零：58.00\n会员：138****0500\n",
                    "谢谢惠顾\x1bd\x04\x1dV\x42\x00\x1bp\x00\x19\x20",
                ],
            ),
            receipts: vec![vec![
                "星河服饰",
                "单号：10002",
                "日期：2026-03-25 14:11",
                "--------------------------------",
                "品名      数量                金额",
                "连衣裙       1               242.00",
                "合计：  ￥242.00",
                "实收：300.00  找零：58.00",
                "会员：138****0500",
                "谢谢惠顾",
            ]],
        },
        Sample {
            // lines by the printer's wrap and ESC d alone, on 58 mm paper; no LF, no cut
            name: "gbk_no_line_feed",
            printer: Printer { columns: 32, ..Printer::default() },
            bytes: encoded(
                "gbk",
                &["\x1b@茶颜小铺\x1bd\x01流水号", " 0007                   ", " 合计 18.00\x1bd\x01", "欢迎下次光临\x1bd\x05"],
            ),
            receipts: vec![vec!["茶颜小铺", "流水号 0007                    合", "计 18.00", "欢迎下次光临"]],
        },
        Sample {
            name: "big5_two_cuts",
            printer: Printer { multi_byte: Some(MultiByte::Big5), ..Printer::default() },
            bytes: encoded(
                "big5",
                &["\x1b@\x1c&統一發票\n總計 $1,280\n\x1dV\x00\x1bp\x00<x", "存根聯\n總計 $1,280\n\x1dV\x00"],
            ),
            receipts: vec![vec!["統一發票", "總計 $1,280"], vec!["存根聯", "總計 $1,280"]],
        },
        Sample {
            name: "korean",
            printer: Printer { multi_byte: Some(MultiByte::EucKr), columns: 42, ..Printer::default() },
            bytes: encoded("euc-kr", &["\x1b@영수증\r\n합계\x1b$\xf0", "\x00"])
                .into_iter()
                .collect::<Vec<_>>()
                .split_last_chunk::<3>()
                .map(|(head, _)| head.to_vec())
                .unwrap_or_default(),
            receipts: vec![],
        },
    ]
}

/// The dialect of a sample of grandchef/escpos-buffer, by the model its name begins with.
pub fn dialect_of(model: &str) -> Dialect {
    match model.split('_').next().unwrap_or_default() {
        "mp-4200" | "mp-2800" => Dialect::Bematech,
        "dr800" => Dialect::Daruma,
        "vox" | "si-300l" | "tsp-143" | "dt200" | "cmp-20" | "generic-80mm" => Dialect::Sweda,
        _ => Dialect::Epson,
    }
}
