//! Small streams of our own making, with what they print: one for each way real tills print.
//!
//! They are committed as fuzz seeds (`fuzz/seeds/escpos_*`), byte for byte as made here.

use gateway::pos::escpos::pages::MultiByte;
use gateway::pos::escpos::{Dialect, Printer};

/// A stream, the printer it is for, and the lines of each receipt.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) printer: Printer,
    pub(crate) bytes: Vec<u8>,
    pub(crate) receipts: Vec<Vec<&'static str>>,
}

fn encoded(label: &str, parts: &[&str]) -> Vec<u8> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
    let text = parts.concat();
    let (bytes, _, bad) = encoding.encode(&text);
    assert!(!bad, "{label}");
    bytes.into_owned()
}

pub(crate) fn all() -> Vec<Sample> {
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
                "品名      数量                 金额",
                "连衣裙       1                242.00",
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
            receipts: vec![vec!["茶颜小铺", "流水号 0007", "合计 18.00", "欢迎下次光临"]],
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
            bytes: encoded(
                "euc-kr",
                &["\x1b@영수증\r\n아메리카노\x1b$\x68\x014,500\r\n합계: 4,500원\r\n\x1bi", "\x1b@교환권\r\n\x1bi"],
            ),
            receipts: vec![vec!["영수증", "아메리카노                    4,500", "합계: 4,500원"], vec!["교환권"]],
        },
        Sample {
            name: "japanese",
            printer: Printer { multi_byte: Some(MultiByte::ShiftJis), ..Printer::default() },
            bytes: encoded("shift_jis", &["\x1b@\x1c&領収書\nｺｰﾋｰ  ￥450\n合計  ￥450\n\x1dV\x01"]),
            receipts: vec![vec!["領収書", "ｺｰﾋｰ  ￥450", "合計  ￥450"]],
        },
        Sample {
            // double width wraps at half the columns; FS W doubles Chinese characters only
            name: "double_width",
            printer: Printer { columns: 32, ..Printer::default() },
            bytes: encoded(
                "gbk",
                &["\x1b@\x1d!\x10Grand total 123.45\x1d!\x00\n\x1cW\x01取餐号\x1cW\x00 A17\n\x1dV\x00"],
            ),
            receipts: vec![vec!["Grand total 123.", "45", "取餐号 A17"]],
        },
        Sample {
            name: "western_with_codes",
            printer: Printer { multi_byte: None, ..Printer::default() },
            bytes: [
                b"\x1b@\x1bt\x10Caf\xe9 \x80 3.50\n\x1bt\x02Caf\x82 \x9c 3.50\n".as_slice(),
                b"\x1dk\x49\x0a{B00012345\x1d(k\x04\x001A2\x00\x1d(k\x13\x001P0https://x.cn/r/1\x1d(k\x03\x001Q0",
                b"\x10\x04\x01\x1bd\x03\x1dV\x41\x10",
            ]
            .concat(),
            receipts: vec![vec!["Café € 3.50", "Café £ 3.50", "[BARCODE {B00012345]", "[QR https://x.cn/r/1]"]],
        },
        Sample {
            // a raster-only print whose payload holds commands that are none; then a logo with text below
            name: "raster_then_logo",
            printer: Printer::default(),
            bytes: [
                b"\x1b@\x1dv0\x00\x02\x00\x04\x00\x10\x04\x01\x1b@\x1dV\x00\x1bJ\x20".as_slice(),
                b"\x1dV\x00\x1b@\x1d(L\x0c\x000p0\x01\x011\x08\x00\x02\x00\xff\xff\x1d(L\x02\x0002",
                b"\x1b@Shop 8\nTotal 5.00\n\x1dV\x00",
            ]
            .concat(),
            receipts: vec![vec![], vec!["Shop 8", "Total 5.00"]],
        },
        Sample {
            // an image whose length was damaged on the line, and the receipt after it
            name: "damaged_length",
            printer: Printer::default(),
            bytes: b"\x1b@No 1\n\x1dv0\x00\xff\xff\xff\x7f\x01\x02 lost\n\x1b@No 2\n\x1dV\x00".to_vec(),
            receipts: vec![vec!["No 1"], vec!["No 2"]],
        },
        Sample {
            name: "bematech",
            printer: Printer { dialect: Dialect::Bematech, multi_byte: None, columns: 50, ..Printer::default() },
            bytes: [
                b"\x1d\xf950\x1bt\x08\x1ba1\x1bECAF\xc3\x89 DO JO\xc3\x83O\x1bF\r\n\x1bW1TOTAL 12,50\x1bW0\r\n".as_slice(),
                b"\x1dkQ\x02\x08\x00\x01\x05\x00hello\x1bw\x1bvx",
            ]
            .concat(),
            receipts: vec![vec!["CAFÉ DO JOÃO", "TOTAL 12,50", "[QR hello]"]],
        },
        Sample {
            name: "star",
            printer: Printer { dialect: Dialect::Star, multi_byte: None, ..Printer::default() },
            bytes: b"\x1b@\x1b\x1dt\x20\x1b\x1da\x01Star Caf\xe9\n\x0eTotal\x14 9.90\x1ba\x03\x1bk\x01\x00AAAAAAAAAAAAAAAAAAAAAAAA\x1bd\x03\x07"
                .to_vec(),
            receipts: vec![vec!["Star Café", "Total 9.90"]],
        },
    ]
}

/// The dialect of a sample of grandchef/escpos-buffer, by the model its name begins with.
pub(crate) fn dialect_of(model: &str) -> Dialect {
    match model.split('_').next().unwrap_or_default() {
        "mp-4200" | "mp-2800" => Dialect::Bematech,
        "dr800" => Dialect::Daruma,
        "vox" | "si-300l" | "tsp-143" | "dt200" | "cmp-20" | "generic-80mm" => Dialect::Sweda,
        _ => Dialect::Epson,
    }
}
