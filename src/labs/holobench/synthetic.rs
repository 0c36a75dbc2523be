//! The built-in database: a made-up fruit cooperative, seven related tables, some 3,500 rows, the same for the same seed
//! everywhere.
//!
//! A row refers to rows that were there before it, as in a register that has grown: so the first rows of two tables join.

use super::database::{Database, ForeignKey, KeySource, Kind, Table, Value, described};
use crate::rng::Rng;

const REGIONS: [(&str, &str); 8] = [
    ("Aldermoor", "coast"),
    ("Brackendale", "hills"),
    ("Corrie Vale", "valley"),
    ("Dunmarsh", "coast"),
    ("Elverfield", "plain"),
    ("Fennick", "valley"),
    ("Garrow Downs", "hills"),
    ("Hazelmere", "plain"),
];
const FRUITS: [&str; 4] = ["apple", "pear", "plum", "cherry"];
const COLOURS: [&str; 5] = ["red", "green", "yellow", "purple", "russet"];
const FIRST: [&str; 20] = [
    "Ada", "Bram", "Cora", "Davin", "Edda", "Finn", "Greta", "Hollis", "Ines", "Jory", "Kaia", "Lorcan", "Maren",
    "Nils", "Orla", "Pavel", "Quin", "Rhona", "Sander", "Tilda",
];
const LAST: [&str; 24] = [
    "Abbot", "Birch", "Calder", "Dray", "Ember", "Frost", "Gale", "Harrow", "Ives", "Jessop", "Kemp", "Lund", "Marl",
    "Nolan", "Oakes", "Penn", "Quill", "Rook", "Stell", "Thorne", "Usher", "Vane", "Wick", "Yarrow",
];
const PLACES: [&str; 20] = [
    "Upper",
    "Lower",
    "Old",
    "New",
    "Long",
    "Far",
    "High",
    "Stone",
    "Mill",
    "Church",
    "South",
    "North",
    "East",
    "West",
    "Little",
    "Great",
    "Long Meadow",
    "Back",
    "Brook",
    "Heron",
];
const FIELDS: [&str; 12] =
    ["Field", "Close", "Garden", "Acre", "Bank", "Slope", "Croft", "Terrace", "Hollow", "Ridge", "Paddock", "Row"];
const VARIETIES: [&str; 24] = [
    "Amber Queen",
    "Blushing Tom",
    "Copper Lantern",
    "Dawn Keeper",
    "Early Mary",
    "Fen Glory",
    "Golden Hob",
    "Harvest Moon",
    "Ivory Bell",
    "Jolly Miller",
    "King's Purse",
    "Lady Wren",
    "Morning Bright",
    "Nutmeg",
    "Old Faithful",
    "Painted Lark",
    "Quiet Rose",
    "River Jewel",
    "Saint Elmo",
    "Tart Betsy",
    "Umber Star",
    "Velvet Drop",
    "Winter Friend",
    "Yellow Drum",
];
const SHOPS: [&str; 8] = ["Market", "Bakery", "Press", "Kitchen", "Stores", "Cellars", "Pantry", "Preserves"];
const GRADES: [&str; 3] = ["A", "B", "C"];

const GROWERS: usize = 80;
const ORCHARDS: usize = 200;
const BUYERS: usize = 48;
const HARVESTS: usize = 1_700;
const SALES: usize = 1_400;

struct Maker {
    rng: Rng,
}

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u32) as usize
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// The id of a row that was there when row `at` of its child came.
    fn earlier(&mut self, at: usize, parents: usize) -> Value {
        Value::Integer(self.below((at / 2 + 3).min(parents)) as i64 + 1)
    }

    fn date(&mut self, first_year: i64, years: usize) -> Value {
        let year = first_year + self.below(years) as i64;
        let (month, day) = (self.below(12) + 1, self.below(28) + 1);
        Value::Text(format!("{year:04}-{month:02}-{day:02}"))
    }

    /// `count` different names, each a pair.
    fn names(&mut self, first: &[&str], second: &[&str], count: usize) -> Vec<String> {
        let all: Vec<(usize, usize)> = (0..first.len()).flat_map(|i| (0..second.len()).map(move |j| (i, j))).collect();
        self.rng.sample(&all, count).into_iter().map(|(i, j)| format!("{} {}", first[i], second[j])).collect()
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn integer(n: usize) -> Value {
    Value::Integer(n as i64)
}

fn table(name: &str, columns: &[(&str, Kind)], rows: Vec<Vec<Value>>) -> Table {
    let columns = columns
        .iter()
        .enumerate()
        .map(|(i, (name, kind))| {
            let values: Vec<&Value> = rows.iter().map(|row| &row[i]).collect();
            described(name, *kind, i == 0, &values)
        })
        .collect();
    Table { name: name.into(), columns, rows }
}

fn key(table: &str, column: &str, parent: &str) -> ForeignKey {
    ForeignKey {
        table: table.into(),
        column: column.into(),
        parent: parent.into(),
        parent_column: column.into(),
        source: KeySource::Schema,
        containment: 1.0,
        confirmed: true,
    }
}

/// The database of a seed.
pub fn synthetic(seed: u64) -> Database {
    let mut make = Maker { rng: Rng::with_stream(seed, 0x686f_6c6f) };
    let regions = (0..REGIONS.len())
        .map(|i| {
            let (name, land) = REGIONS[i];
            vec![integer(i + 1), text(name), text(land), integer(450 + 10 * make.below(70))]
        })
        .collect();
    let names = make.names(&FIRST, &LAST, GROWERS);
    let growers = (0..GROWERS)
        .map(|i| {
            let members = match make.below(5) {
                0 => Value::Null,
                _ => integer(1 + make.below(30)),
            };
            vec![
                integer(i + 1),
                text(&names[i]),
                make.earlier(i, REGIONS.len()),
                integer(1950 + make.below(70)),
                members,
            ]
        })
        .collect();
    let varieties = (0..VARIETIES.len())
        .map(|i| {
            let weeks = 2 + make.below(30);
            vec![
                integer(i + 1),
                text(VARIETIES[i]),
                text(make.one_of(&FRUITS)),
                text(make.one_of(&COLOURS)),
                integer(weeks),
            ]
        })
        .collect();
    let names = make.names(&PLACES, &FIELDS, ORCHARDS);
    let orchards = (0..ORCHARDS)
        .map(|i| {
            let certified = match make.below(3) {
                0 => Value::Null,
                _ => make.date(2005, 18),
            };
            let hectares = Value::Real((5 + make.below(300)) as f64 / 10.0);
            let planted = integer(1960 + make.below(62));
            vec![integer(i + 1), text(&names[i]), make.earlier(i, GROWERS), hectares, planted, certified]
        })
        .collect();
    let names = make.names(&LAST, &SHOPS, BUYERS);
    let buyers = (0..BUYERS)
        .map(|i| {
            let rating = match make.below(6) {
                0 => Value::Null,
                _ => integer(1 + make.below(10)),
            };
            vec![integer(i + 1), text(&names[i]), make.earlier(i, REGIONS.len()), rating]
        })
        .collect();
    let harvests = (0..HARVESTS)
        .map(|i| {
            let tonnes = Value::Real((2 + make.below(480)) as f64 / 10.0);
            vec![
                integer(i + 1),
                make.earlier(i, ORCHARDS),
                make.earlier(i, VARIETIES.len()),
                integer(2012 + make.below(12)),
                tonnes,
                text(make.one_of(&GRADES)),
            ]
        })
        .collect();
    let sales = (0..SALES)
        .map(|i| {
            let price = Value::Real((150 + make.below(2_850)) as f64 / 100.0);
            vec![
                integer(i + 1),
                make.earlier(i, BUYERS),
                make.earlier(i, VARIETIES.len()),
                make.date(2018, 6),
                integer(1 + make.below(240)),
                price,
            ]
        })
        .collect();
    use Kind::{Date, Integer, Real, Text};
    let tables = vec![
        table(
            "regions",
            &[("region_id", Integer), ("region", Text), ("landscape", Text), ("rainfall_mm", Integer)],
            regions,
        ),
        table(
            "growers",
            &[
                ("grower_id", Integer),
                ("grower", Text),
                ("region_id", Integer),
                ("joined_year", Integer),
                ("members", Integer),
            ],
            growers,
        ),
        table(
            "varieties",
            &[
                ("variety_id", Integer),
                ("variety", Text),
                ("fruit", Text),
                ("colour", Text),
                ("storage_weeks", Integer),
            ],
            varieties,
        ),
        table(
            "orchards",
            &[
                ("orchard_id", Integer),
                ("orchard", Text),
                ("grower_id", Integer),
                ("hectares", Real),
                ("planted_year", Integer),
                ("certified_on", Date),
            ],
            orchards,
        ),
        table("buyers", &[("buyer_id", Integer), ("buyer", Text), ("region_id", Integer), ("rating", Integer)], buyers),
        table(
            "harvests",
            &[
                ("harvest_id", Integer),
                ("orchard_id", Integer),
                ("variety_id", Integer),
                ("year", Integer),
                ("tonnes", Real),
                ("grade", Text),
            ],
            harvests,
        ),
        table(
            "sales",
            &[
                ("sale_id", Integer),
                ("buyer_id", Integer),
                ("variety_id", Integer),
                ("sold_on", Date),
                ("crates", Integer),
                ("price", Real),
            ],
            sales,
        ),
    ];
    let keys = vec![
        key("growers", "region_id", "regions"),
        key("orchards", "grower_id", "growers"),
        key("buyers", "region_id", "regions"),
        key("harvests", "orchard_id", "orchards"),
        key("harvests", "variety_id", "varieties"),
        key("sales", "buyer_id", "buyers"),
        key("sales", "variety_id", "varieties"),
    ];
    Database { name: format!("fruit cooperative (seed {seed})"), tables, keys, notes: Vec::new() }
}
