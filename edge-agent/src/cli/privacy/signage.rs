//! A text for the signs at the doors, in Chinese and English, that says what this configuration does and no more.

use crate::config::{Config, SourceSettings};
use visit_core::event::PrivacyMode;

/// The text; without a contact a blank to fill in.
pub(super) fn text(config: &Config, contact: Option<&str>) -> String {
    let privacy = &config.agent.privacy;
    let site = config.site.name.as_deref().unwrap_or(&config.site.id);
    let hours = privacy.ttl(privacy.mode).map_or(0, |ttl| ttl.as_secs() / 3600);
    let opt_out = privacy.opt_out_list.is_some() || privacy.opt_out_topic;
    let receipts = config.agent.sources.iter().any(|s| matches!(s, SourceSettings::Feed(_)));
    let mut zh = vec![format!(
        "{site}在本区域接收手机等设备发出的 Wi-Fi 和蓝牙信号，用于统计客流（人数、楼层、停留时间）。"
    )];
    let mut en = vec![format!(
        "{site} receives Wi-Fi and Bluetooth signals that phones and other devices emit here, to measure how many people \
         come, which floors they visit and how long they stay."
    )];
    match privacy.mode {
        PrivacyMode::Count => {
            zh.push("我们只保存汇总人数，不保存任何单个设备或单次到访的记录。".into());
            en.push("Only totals are kept, and nothing about single devices or visits.".into());
        }
        PrivacyMode::Pseudonymous | PrivacyMode::Consented => {
            zh.push(format!(
                "设备地址在接收后立即转换为每日更换的代码，原始地址不保存、不传输。单次到访记录在本地设备上最多保存 {hours} 小时。"
            ));
            en.push(format!(
                "Device addresses are turned at once into codes that change every day; the addresses themselves are neither \
                 kept nor sent. Records of single visits stay on the local device for at most {hours} hours."
            ));
        }
    }
    if receipts && privacy.mode != PrivacyMode::Count {
        zh.push("购物小票可能与到访代码关联；银行卡号和手机号不保存。".into());
        en.push("Receipts may be linked to such a code; card and phone numbers are not kept.".into());
    }
    if privacy.mode == PrivacyMode::Consented {
        zh.push("仅在会员单独同意后，其到访才会与会员账户关联；同意可随时撤回。".into());
        en.push(
            "Visits are linked to a member's account only where the member has agreed, which can be withdrawn at any time."
                .into(),
        );
    }
    if let Some(opening) = &privacy.opening_hours {
        zh.push(format!("接收时间：{opening}。"));
        en.push(format!("Signals are received: {opening}."));
    }
    let (zh_ask, en_ask) = match opt_out {
        true => (
            "不希望被统计，请关闭设备的 Wi-Fi 和蓝牙，或向我们登记设备地址。",
            "If you do not wish to be counted, switch Wi-Fi and Bluetooth off, or have us register your device's address.",
        ),
        false => (
            "不希望被统计，请关闭设备的 Wi-Fi 和蓝牙。",
            "If you do not wish to be counted, switch Wi-Fi and Bluetooth off.",
        ),
    };
    zh.push(zh_ask.into());
    en.push(en_ask.into());
    let contact = contact.unwrap_or("____________________");
    zh.push(format!("查询、删除或其他问题：{contact}"));
    en.push(format!("Questions, access and erasure: {contact}"));
    format!("Text for signs (have it checked by your counsel)\n\n{}\n\n{}\n", zh.concat(), en.join(" "))
}
