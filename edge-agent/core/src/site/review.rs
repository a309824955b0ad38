//! What is odd about a map that can be used: each finding costs accuracy or hides a slip.

use super::draft::Problem;
use super::{Site, ZoneIx, ZoneKind};
use std::collections::{BTreeMap, HashMap};

/// Adds what deserves a second look. `floors` are the draft's indices of the sorted floors, for the paths.
pub(super) fn review(site: &Site, floors: &[usize], out: &mut Vec<Problem>) {
    doors(site, out);
    levels(site, floors, out);
    deaf_floors(site, floors, out);
    unreachable(site, out);
    tills_at_the_door(site, out);
    same_place(site, out);
}

fn doors(site: &Site, out: &mut Vec<Problem>) {
    if !site.zones.iter().any(|z| matches!(z.kind, ZoneKind::Entrance | ZoneKind::Perimeter)) {
        out.push(Problem::new(
            "zone",
            "no entrance: nobody can be seen to arrive or leave; give the zones at the doors kind = \"entrance\"",
        ));
    }
}

fn levels(site: &Site, floors: &[usize], out: &mut Vec<Problem>) {
    for (pair, draft) in site.floors.windows(2).zip(floors.windows(2)) {
        if pair[0].level == pair[1].level {
            let message = format!(
                "level {} is also that of floor {:?}; going from one to the other will count as neither up nor down",
                pair[1].level, pair[0].id
            );
            out.push(Problem::new(format!("floor[{}].level", draft[1]), message));
        }
    }
}

fn deaf_floors(site: &Site, floors: &[usize], out: &mut Vec<Problem>) {
    for (i, floor) in site.floors.iter().enumerate() {
        let path = format!("floor[{}]", floors[i]);
        let on_it = |zone: ZoneIx| usize::from(site.floor_of(zone).0) == i;
        if !site.zones.iter().any(|z| usize::from(z.floor.0) == i) {
            out.push(Problem::new(
                path,
                format!("floor {:?} has no zone; nobody will ever be on it", floor.id),
            ));
        } else if !site.sensors.iter().any(|s| on_it(s.zone)) {
            let message =
                format!("floor {:?} has no sensor; visits there are guessed from other floors", floor.id);
            out.push(Problem::new(path, message));
        }
    }
}

/// Zones that no walk from a door leads to; without doors, from the first zone.
fn unreachable(site: &Site, out: &mut Vec<Problem>) {
    let is_door = |i: &usize| matches!(site.zones[*i].kind, ZoneKind::Entrance | ZoneKind::Perimeter);
    let mut queue: Vec<usize> = (0..site.zones.len()).filter(is_door).collect();
    let from = if queue.is_empty() { "the first zone" } else { "any entrance" };
    if queue.is_empty() {
        queue.extend(site.zones.first().map(|_| 0));
    }
    let mut reached = vec![false; site.zones.len()];
    while let Some(i) = queue.pop() {
        if !std::mem::replace(&mut reached[i], true) {
            queue.extend(site.zones[i].neighbours.iter().map(|n| usize::from(n.0)));
        }
    }
    for (i, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
        let zone = &site.zones[i];
        let message = if zone.neighbours.is_empty() {
            format!(
                "zone {:?} adjoins no other; list its neighbours, or visitors cannot be followed there",
                zone.id
            )
        } else {
            format!("zone {:?} cannot be reached from {from}; is a staircase or lift missing?", zone.id)
        };
        out.push(Problem::new(format!("zone[{i}].neighbours"), message));
    }
}

fn tills_at_the_door(site: &Site, out: &mut Vec<Problem>) {
    for (i, till) in site.tills.iter().enumerate() {
        let zone = site.zone(till.zone);
        if !zone.kind.is_inside() {
            let message = format!(
                "till {:?} stands in {:?}, where nobody has come in yet; its buyers will not count as visitors",
                till.id, zone.id
            );
            out.push(Problem::new(format!("till[{i}].zone"), message));
        }
    }
}

fn same_place(site: &Site, out: &mut Vec<Problem>) {
    let mut seen = HashMap::new();
    let mut zones: BTreeMap<_, usize> = BTreeMap::new();
    for (i, zone) in site.zones.iter().enumerate() {
        let place = (zone.floor, zone.position.map(f32::to_bits));
        if let Some(&first) = zones.get(&place) {
            let other = &site.zones[first].id;
            let message = format!("the same place as zone {other:?}; signals cannot tell them apart");
            out.push(Problem::new(format!("zone[{i}].position"), message));
        } else {
            zones.insert(place, i);
        }
    }
    for (i, sensor) in site.sensors.iter().enumerate() {
        let place = (site.floor_of(sensor.zone), sensor.position.map(f32::to_bits));
        if let Some(first) = seen.insert(place, &sensor.id) {
            let message =
                format!("the same place as sensor {first:?}; two radios there tell no more than one");
            out.push(Problem::new(format!("sensor[{i}].position"), message));
        }
    }
}
