//! `pack ELF IMAGE`: boot loader, partition table and program in one image, to be flashed at address 0 of an ESP32-C3
//! with 4 MB of flash; prints its size, and how much memory the program takes before heap and stack.

use espflash::flasher::{FlashData, FlashSettings, FlashSize};
use espflash::image_format::idf::IdfBootloaderFormat;
use espflash::target::{Chip, XtalFrequency};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// Where the chip's memory is (ESP32-C3 technical reference, 3.3): by the data bus, and by the instruction bus, behind
/// what is cache.
const MEMORY: [std::ops::Range<u32>; 2] = [0x3fc8_0000..0x3fce_0000, 0x4037_c000..0x403e_0000];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [elf, image] = &arguments[..] else {
        eprintln!("usage: pack ELF IMAGE");
        return ExitCode::from(64);
    };
    match pack(Path::new(elf), Path::new(image)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("pack: {}: {why}", Path::new(elf).display());
            ExitCode::FAILURE
        }
    }
}

fn pack(elf: &Path, image: &Path) -> Result<(), Box<dyn Error>> {
    let program = std::fs::read(elf)?;
    let flash = FlashSettings::new(None, Some(FlashSize::_4Mb), None);
    let chip = FlashData::new(flash, 0, None, Chip::Esp32c3, XtalFrequency::_40Mhz);
    let mut bytes = Vec::new();
    for segment in IdfBootloaderFormat::new(&program, &chip, None, None, None, None)?.flash_segments() {
        let at = usize::try_from(segment.addr)?;
        if at < bytes.len() {
            return Err("its segments overlap".into());
        }
        // As erased flash.
        bytes.resize(at, 0xff);
        bytes.extend_from_slice(&segment.data);
    }
    std::fs::write(image, &bytes)?;
    let name = image.file_name().unwrap_or(image.as_os_str()).to_string_lossy();
    println!("{name}: {} bytes, static memory {} bytes", bytes.len(), memory(&program)?);
    Ok(())
}

/// Bytes of the sections that are in memory while it runs: program, data and what begins as zero. Heaps are among them.
fn memory(program: &[u8]) -> Result<u64, Box<dyn Error>> {
    use object::{Object as _, ObjectSection as _, SectionFlags};
    const ALLOCATED: u64 = 2;
    let elf = object::File::parse(program)?;
    let takes = |s: &object::Section<'_, '_>| {
        let allocated =
            matches!(s.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & ALLOCATED != 0);
        // Sections that only keep an address range of the other bus free.
        let dummy = s.name().is_ok_and(|name| name.contains("dummy") || name.contains("stack"));
        let at = u32::try_from(s.address()).unwrap_or(0);
        allocated && !dummy && MEMORY.iter().any(|range| range.contains(&at))
    };
    Ok(elf.sections().filter(takes).map(|s| s.size()).sum())
}
