//! One suite for all instruction sets: the scalar kernels against definitions written here, all
//! others against the scalar ones, bit by bit.

use proptest::prelude::*;

use super::*;

fn floats(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-1.0f32..1.0, length)
}

/// Words of a code, groups, and how far off alignment a record is.
fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    (prop_oneof![1usize..19, Just(LINES_MAX)], 0usize..11, 0usize..64)
}

/// Lines of entries, the largest of which add up to 255 in each column of two lines of codes.
fn table_of(seed: &[u8], words: usize) -> Vec<TableLine> {
    let mut bytes = seed.iter().copied().cycle();
    let line = |number: usize| {
        TableLine(std::array::from_fn(|at| {
            // Now all four halves are alike, now one has it all.
            let highest = if at < 32 { [63, 64, 64, 64] } else { [1, 2, 250, 2] };
            bytes.next().unwrap_or(7).min(highest[(at / 16 + number) % 4])
        }))
    };
    let zeros = [TableLine([0; LINE_BYTES]); 2];
    (0..2 * words).map(line).chain(zeros).take(2 * words.next_multiple_of(2)).collect()
}

/// The sum of a row by its definition: bit by bit.
fn sum_of_row(table: &[TableLine], record: &[u8], row: usize) -> u32 {
    let mut sum = 0;
    for word in 0..record.len() / 64 - 1 {
        for nibble in 0..8 {
            let byte = record[64 * word + 16 * (nibble / 2) + row];
            let mut pattern = 0;
            for bit in 0..4 {
                pattern += (byte >> (4 * (nibble % 2) + bit) & 1) << bit;
            }
            let line = &table[2 * word + nibble % 2];
            sum += u32::from(line.0[16 * (nibble / 2) + usize::from(pattern)]);
        }
    }
    sum
}

/// What is known of each row before a plane is judged, and which rows are undecided.
const BEFORE: u32 = 1_000;
const MASK: u16 = 0xF0FF;

/// What a probe knows of some groups; bounds as their bits.
#[derive(Debug, PartialEq)]
struct Known {
    totals: Vec<[u32; 16]>,
    bounds: Vec<[u32; 16]>,
    undecided: Vec<u16>,
}

fn judge<const PROBES: usize>(
    kernel: Kernel,
    plane: Plane<'_>,
    tables: [&[TableLine]; PROBES],
    line: Line,
    least: f32,
    listed: &[u32],
    groups: usize,
) -> [Known; PROBES] {
    let mut totals = [(); PROBES].map(|()| vec![[BEFORE; 16]; groups]);
    let mut bounds = [(); PROBES].map(|()| vec![[0.0; 16]; groups]);
    let mut undecided = [(); PROBES].map(|()| vec![MASK; groups]);
    let mut places = totals.iter_mut().zip(&mut bounds).zip(&mut undecided);
    let judged = tables.map(|table| {
        let ((totals, bounds), undecided) = places.next().unwrap();
        Judged { table, line: &line, least, totals, bounds, undecided }
    });
    kernel.judge(plane, listed, judged);
    let mut known = totals.into_iter().zip(bounds).zip(undecided);
    [(); PROBES].map(|()| {
        let ((totals, bounds), undecided) = known.next().unwrap();
        let bounds = bounds.into_iter().map(|bounds| bounds.map(f32::to_bits)).collect();
        Known { totals, bounds, undecided }
    })
}

/// Records of a shape, with codes in their words and factors behind these.
fn records_of(
    (words, groups, shift): (usize, usize, usize),
    codes: &[u8],
    halves: &[u16],
) -> Vec<u8> {
    let record_bytes = 64 * (words + 1);
    let mut codes = codes.iter().copied().cycle();
    let mut factors = halves.iter().flat_map(|half| half.to_le_bytes()).cycle();
    let byte = |at: usize| {
        let is_factor = at >= shift && (at - shift) % record_bytes >= 64 * words;
        if is_factor { factors.next() } else { codes.next() }.unwrap()
    };
    (0..shift + groups * record_bytes).map(byte).collect()
}

proptest! {
    #[test]
    fn inner_products_are_near_the_true_ones_and_the_same_everywhere(
        left in floats(0..700),
        shift in 0usize..17,
        flip in any::<bool>(),
    ) {
        let right: Vec<f32> = left.iter().rev().map(|v| if flip { -v } else { v * 0.5 }).collect();
        let product = left.iter().zip(&right).map(|(&a, &b)| f64::from(a) * f64::from(b));
        let expected = Kernel::Scalar.dot(&left, &right);
        prop_assert!((f64::from(expected) - product.sum::<f64>()).abs() < 1e-3);
        let mut shifted = vec![0.0; shift];
        shifted.extend_from_slice(&right);
        for kernel in Kernel::available() {
            prop_assert_eq!(kernel.dot(&left, &right).to_bits(), expected.to_bits(), "{}", kernel);
            let elsewhere = kernel.dot(&left, &shifted[shift..]);
            prop_assert_eq!(elsewhere.to_bits(), expected.to_bits(), "{} unaligned", kernel);
        }
    }

    #[test]
    fn the_inner_product_with_halves_is_that_with_their_values_on_every_kernel(
        left in floats(0..700),
        halves in prop::collection::vec(any::<u16>(), 1..700),
        shift in 0usize..5,
    ) {
        let is_number = |half: &u16| half & 0x7C00 != 0x7C00;
        let or_one = |half| if is_number(&half) { half } else { 0x3C00 };
        let halves = halves.iter().copied().map(or_one);
        let halves: Vec<u16> = halves.cycle().take(left.len()).collect();
        let values: Vec<f32> = halves.iter().copied().map(crate::half::widen).collect();
        let expected = Kernel::Scalar.dot(&left, &values).to_bits();
        // Also where they are not aligned.
        let mut bytes = vec![0xFF; shift];
        bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
        let stored = bytes[shift..].as_chunks().0;
        for kernel in Kernel::available() {
            prop_assert_eq!(kernel.dot_half(&left, stored).to_bits(), expected, "{}", kernel);
        }
    }

    #[test]
    fn planes_are_judged_by_the_definition_on_every_kernel(
        shape in shapes(),
        entries in prop::collection::vec(any::<u8>(), 1..300),
        codes in prop::collection::vec(any::<u8>(), 1..500),
        halves in prop::collection::vec(0u16..0x7C01, 1..100),
        numbers in prop::array::uniform5(-1.0f32..1.0),
        missing in 0usize..3,
        skipped in 0u32..5,
        planes_before in 0..3,
    ) {
        let (words, groups, shift) = shape;
        let is_listed = |group: &u32| group % 5 < 5 - skipped;
        let listed: Vec<u32> = (0..groups as u32 + 3).filter(is_listed).collect();
        let table = table_of(&entries, words);
        let [slope, offset, residual_scale, slack, least] = numbers;
        let line = Line { slope: slope * 1e-3, offset, residual_scale, slack };
        let record_bytes = 64 * (words + 1);
        let records = records_of(shape, &codes, &halves);
        let others: Vec<u8> = codes.iter().rev().copied().collect();
        let others = records_of(shape, &others, &halves);
        let before = match planes_before {
            0 => Before::Nothing,
            1 => Before::Totals,
            _ => Before::Records(&others[shift..]),
        };
        let plane = Plane { records: &records[shift..], record_bytes, before };
        let room = groups + missing;
        let expected = judge(Kernel::Scalar, plane, [&table], line, least, &listed, room);
        let [Known { totals, bounds, undecided }] = &expected;
        for (group, record) in plane.records.chunks_exact(record_bytes).enumerate() {
            if !is_listed(&(group as u32)) {
                prop_assert_eq!((totals[group], undecided[group]), ([BEFORE; 16], MASK));
                continue;
            }
            for row in 0..16 {
                let before = match before {
                    Before::Nothing => 0,
                    Before::Totals => BEFORE,
                    Before::Records(records) => {
                        let record = records.chunks_exact(record_bytes).nth(group).unwrap();
                        sum_of_row(&table, record, row)
                    }
                };
                let total = 2 * before + sum_of_row(&table, record, row);
                prop_assert_eq!(totals[group][row], total);
                let word = record[64 * words + 4 * row..][..4].try_into().unwrap();
                let [correction, residual] = bounds::factors(word);
                let sum = line.slope * total as f32 + offset;
                let bound = correction * sum + residual_scale * residual + slack;
                prop_assert_eq!(bounds[group][row], bound.to_bits());
                let kept = MASK >> row & 1 == 1 && bound >= least;
                prop_assert_eq!(undecided[group] >> row & 1 == 1, kept);
            }
        }
        prop_assert!(undecided[groups..].iter().all(|mask| *mask == MASK), "no such records");
        for kernel in Kernel::available() {
            let known = judge(kernel, plane, [&table], line, least, &listed, room);
            prop_assert_eq!(&known, &expected, "{}", kernel);
        }
    }

    #[test]
    fn probes_that_share_a_pass_learn_what_each_learns_alone(
        shape in shapes(),
        entries in prop::collection::vec(any::<u8>(), 1..300),
        codes in prop::collection::vec(any::<u8>(), 1..500),
        least in -1.0f32..1.0,
        at_once in any::<bool>(),
    ) {
        let (words, groups, shift) = shape;
        let record_bytes = 64 * (words + 1);
        let records = records_of(shape, &codes, &[0x3C00, 0x2E66, 0x1234]);
        let others = records_of(shape, &codes[..1], &[0x3C00]);
        let before = if at_once { Before::Records(&others[shift..]) } else { Before::Totals };
        let plane = Plane { records: &records[shift..], record_bytes, before };
        let line = Line { slope: 1e-4, offset: -0.5, residual_scale: 0.25, slack: 1e-4 };
        let listed: Vec<u32> = (0..groups as u32).collect();
        let tables: [_; 3] = std::array::from_fn(|at| {
            let entries = entries.iter().map(|entry| entry.rotate_left(at as u32));
            table_of(&entries.collect::<Vec<_>>(), words)
        });
        for kernel in Kernel::available() {
            let alone = tables.each_ref().map(|table| {
                let [known] = judge(kernel, plane, [table], line, least, &listed, groups);
                known
            });
            let tables = tables.each_ref().map(Vec::as_slice);
            let together = judge(kernel, plane, tables, line, least, &listed, groups);
            prop_assert_eq!(together, alone, "{}", kernel);
        }
    }

    #[test]
    fn refinements_are_those_of_the_definition_on_every_kernel(
        field_bytes in 1usize..300,
        weights in prop::collection::vec(any::<i8>(), 1..300),
        codes in prop::collection::vec(any::<u8>(), 1..300),
        rows in prop::collection::vec(0u32..30, 0..50),
        skipped in 0usize..3,
        numbers in prop::array::uniform5(-1.0f32..1.0),
    ) {
        let mut cycled = weights.iter().copied().cycle();
        let record_bytes = field_bytes + 4;
        let weights: Vec<FieldWeights> = (0..field_bytes.div_ceil(LINE_BYTES))
            .map(|_| FieldWeights([(); 4].map(|()| [(); 64].map(|()| cycled.next().unwrap()))))
            .collect();
        // The last one is cut short. Factors are any numbers but none that is not one.
        let length = 26 * record_bytes - 1;
        let factor = |at: usize| at % record_bytes >= field_bytes;
        let byte = |(at, code)| if factor(at) { code & 0x3F } else { code };
        let bytes: Vec<u8> =
            codes.iter().copied().cycle().take(length).enumerate().map(byte).collect();
        let [slope, weight_slope, offset, residual_scale, slack] = numbers;
        let line = &RefinedLine { slope, weight_slope, offset, residual_scale, slack };
        let of_row = |at: usize| {
            let (row, total) = (rows[at] as usize, at as u32 * 1000);
            if row >= 25 || at < skipped {
                return 7.0;
            }
            let record = &bytes[row * record_bytes..][..record_bytes];
            let field = |at: usize, field: usize| {
                let value = i32::from(record[at] >> (2 * field) & 3);
                value * i32::from(weights[at / 64].0[field][at % 64])
            };
            let of_byte = |at| (0..4).map(|number| field(at, number)).sum::<i32>();
            let products = (0..field_bytes).map(of_byte).sum::<i32>();
            let [g, e] = [0, 2].map(|at| [record[field_bytes + at], record[field_bytes + at + 1]]);
            let [g, e] = [g, e].map(|bytes| crate::half::widen(u16::from_le_bytes(bytes)));
            let sum = slope * total as f32 + weight_slope * products as f32 + offset;
            g * sum + residual_scale * e + slack
        };
        let expected: Vec<u32> = (0..rows.len()).map(|at| of_row(at).to_bits()).collect();
        for kernel in Kernel::available() {
            let totals = (0..rows.len() as u32).map(|at| at * 1000).collect();
            let mut listed = Listed { rows: rows.clone(), bounds: vec![7.0; rows.len()], totals };
            let refining = Refining { weights: &weights, line };
            let refinements = Refinements { bytes: &bytes, field_bytes };
            kernel.refine(refining, refinements, &mut listed, skipped..rows.len() + 1);
            let bounds: Vec<u32> = listed.bounds.iter().map(|bound| bound.to_bits()).collect();
            prop_assert_eq!(&bounds, &expected, "{}", kernel);
        }
    }

    #[test]
    fn rows_are_listed_with_what_is_known_of_them_on_every_kernel(
        masks in prop::collection::vec(prop_oneof![Just(0), Just(u16::MAX), any::<u16>()], 0..40),
        missing in 0usize..3,
        first in 0u32..1000,
    ) {
        let groups = masks.len().saturating_sub(missing);
        let totals: Vec<[u32; 16]> =
            (0..groups).map(|group| std::array::from_fn(|row| (group * 77 + row) as u32)).collect();
        let bounds: Vec<[f32; 16]> =
            totals.iter().map(|totals| totals.map(|total| 1.0 / total as f32)).collect();
        for kernel in Kernel::available() {
            let mut listed = Listed { rows: vec![3], bounds: vec![0.5], totals: vec![4] };
            kernel.list(&masks, first, &bounds, &totals, &mut listed);
            let mut rows = Vec::new();
            super::rows(&masks[..groups], &mut rows);
            prop_assert_eq!(listed.len(), 1 + rows.len(), "{}", kernel);
            prop_assert_eq!((listed.rows[0], listed.bounds[0], listed.totals[0]), (3, 0.5, 4));
            for (at, row) in rows.iter().enumerate() {
                let (group, lane) = (*row as usize / 16, *row as usize % 16);
                prop_assert_eq!(listed.rows[at + 1], first + row, "{}", kernel);
                prop_assert_eq!(listed.totals[at + 1], totals[group][lane]);
                prop_assert_eq!(listed.bounds[at + 1].to_bits(), bounds[group][lane].to_bits());
            }
        }
    }

    #[test]
    fn a_list_is_compacted_to_what_can_reach_a_bar_on_every_kernel(
        bounds in prop::collection::vec(prop_oneof![-1.0f32..1.0, Just(f32::NAN)], 0..100),
        least in -1.0f32..1.0,
        from in 0usize..40,
        back in 0usize..20,
        short in 0usize..20,
    ) {
        let from = from.min(bounds.len());
        let (to, until) = (from.saturating_sub(back), bounds.len().saturating_sub(short).max(from));
        let kept: Vec<usize> =
            (from..until).filter(|at| bounds[*at] >= least || bounds[*at].is_nan()).collect();
        for kernel in Kernel::available() {
            let rows: Vec<u32> = (0..bounds.len() as u32).collect();
            let totals = rows.iter().map(|row| row * 2).collect();
            let mut listed = Listed { rows, bounds: bounds.clone(), totals };
            prop_assert_eq!(kernel.compact(&mut listed, from..until, to, least), kept.len());
            for (at, row) in kept.iter().enumerate() {
                prop_assert_eq!(listed.rows[to + at], *row as u32, "{}", kernel);
                prop_assert_eq!(listed.totals[to + at], 2 * *row as u32, "{}", kernel);
                prop_assert_eq!(listed.bounds[to + at].to_bits(), bounds[*row].to_bits());
            }
            let untouched = (0..to).chain(until..bounds.len());
            prop_assert!(untouched.into_iter().all(|at| listed.rows[at] == at as u32), "{kernel}");
        }
    }

    #[test]
    fn rows_below_a_bar_are_given_up_on_every_kernel(
        bounds in prop::collection::vec(prop::array::uniform16(-1.0f32..1.0), 1..9),
        least in -1.0f32..1.0,
    ) {
        for kernel in Kernel::available() {
            let mut undecided = vec![MASK; bounds.len()];
            undecided[0] = 0;
            kernel.prune(&bounds, least, &mut undecided);
            prop_assert_eq!(undecided[0], 0);
            for (bounds, mask) in bounds.iter().zip(&undecided).skip(1) {
                for (row, bound) in bounds.iter().enumerate() {
                    let kept = MASK >> row & 1 == 1 && *bound >= least;
                    prop_assert_eq!(mask >> row & 1 == 1, kept, "{}", kernel);
                }
            }
        }
    }

    #[test]
    fn the_bits_of_masks_are_counted_and_listed(
        masks in prop::collection::vec(prop_oneof![Just(0), Just(u16::MAX), any::<u16>()], 0..40),
    ) {
        let set = |row: &u32| masks[*row as usize / 16] >> (row % 16) & 1 == 1;
        let expected: Vec<u32> = (0..masks.len() as u32 * 16).filter(set).collect();
        let mut rows = vec![7];
        super::rows(&masks, &mut rows);
        prop_assert_eq!(&rows, &expected);
        for kernel in Kernel::available() {
            prop_assert_eq!(kernel.count(&masks), expected.len() as u64);
        }
    }
}

#[test]
fn the_largest_sums_and_products_fit_on_every_kernel() {
    // For the longest code; all entries that a column of two lines may have are in one half.
    let table: Vec<TableLine> = (0..2 * LINES_MAX)
        .map(|line| TableLine([if line % 4 == 0 { u8::MAX } else { 0 }; LINE_BYTES]))
        .collect();
    let records = vec![u8::MAX; LINE_BYTES * (LINES_MAX + 1)];
    let before = Before::Records(&records);
    let plane = Plane { records: &records, record_bytes: records.len(), before };
    let line = Line { slope: 0.0, offset: 0.0, residual_scale: 0.0, slack: 0.0 };
    let weights = vec![FieldWeights([[i8::MIN; LINE_BYTES]; FIELDS]); LINES_MAX];
    let field_bytes = LINE_BYTES * LINES_MAX;
    let bytes = [vec![u8::MAX; field_bytes], 0x3C00u32.to_le_bytes().to_vec()].concat();
    let refinements = Refinements { bytes: &bytes, field_bytes };
    let (slope, weight_slope, offset, residual_scale, slack) = (0.0, 1.0, 0.0, 0.0, 0.0);
    let refined = RefinedLine { slope, weight_slope, offset, residual_scale, slack };
    let product = -3.0 * 128.0 * (FIELDS * field_bytes) as f32;
    for kernel in Kernel::available() {
        let [alone] = judge(kernel, plane, [&table], line, 0.0, &[0], 1);
        assert_eq!(alone.totals, [[(3 * 4 * 255 * LINES_MAX / 2) as u32; 16]], "{kernel}");
        assert_eq!(judge(kernel, plane, [&table; 2], line, 0.0, &[0], 1)[1], alone, "{kernel}");
        let mut listed = Listed { rows: vec![0], bounds: vec![0.0], totals: vec![0] };
        let refining = Refining { weights: &weights, line: &refined };
        kernel.refine(refining, refinements, &mut listed, 0..1);
        assert_eq!(listed.bounds, [product], "{kernel}");
    }
}

#[test]
fn a_bound_that_is_no_number_is_below_nothing() {
    for kernel in Kernel::available() {
        let mut undecided = [u16::MAX];
        let mut bounds = [[-1.0; 16]];
        bounds[0][3] = f32::NAN;
        kernel.prune(&bounds, 0.5, &mut undecided);
        assert_eq!(undecided, [1 << 3], "{kernel}");
    }
}

#[test]
fn slices_of_different_length_have_no_product_and_negative_zero_becomes_zero() {
    for kernel in Kernel::available() {
        assert_eq!(kernel.dot(&[1.0, 0.0], &[1.0]).to_bits(), 0.0f32.to_bits());
        assert_eq!(kernel.dot(&[-1.0], &[0.0]).to_bits(), 0.0f32.to_bits());
        assert_eq!(kernel.dot(&[], &[]).to_bits(), 0.0f32.to_bits());
        let one = 0x3C00u16.to_le_bytes();
        assert_eq!(kernel.dot_half(&[1.0, 0.0], &[one]).to_bits(), 0.0f32.to_bits());
        assert_eq!(kernel.dot_half(&[-0.0], &[one]).to_bits(), 0.0f32.to_bits());
        assert_eq!(kernel.dot_half(&[], &[]).to_bits(), 0.0f32.to_bits());
    }
}

#[test]
fn an_inner_product_is_added_up_in_the_order_specified() {
    // Any other order loses the small addend in the large ones.
    let mut values = vec![0.0f32; 65];
    (values[0], values[1], values[64]) = (1e8, 1.0, -1e8);
    for kernel in Kernel::available() {
        assert_eq!(kernel.dot(&values, &[1.0; 65]).to_bits(), 1.0f32.to_bits(), "{kernel}");
    }
    let mut values = vec![0.0f32; 64];
    (values[0], values[1], values[33]) = (1e8, 1.0, -1e8);
    for kernel in Kernel::available() {
        assert_eq!(kernel.dot(&values, &[1.0; 64]).to_bits(), 0.0f32.to_bits(), "{kernel}");
    }
}

#[test]
fn an_inner_product_has_the_same_bits_on_every_machine() {
    let mut state = 1u64;
    let mut next = || {
        state = state * 48_271 % 0x7FFF_FFFF;
        state as f32 / 1e9 - 1.0
    };
    let [left, right] = [(); 2].map(|()| (0..555).map(|_| next()).collect::<Vec<_>>());
    for kernel in Kernel::available() {
        assert_eq!(kernel.dot(&left, &right).to_bits(), 0x4048_3E73, "{kernel}");
    }
}

#[test]
fn kernels_are_known_by_their_names() {
    for kernel in Kernel::ALL {
        assert_eq!(kernel.name().parse(), Ok(kernel));
    }
    let error = "sse".parse::<Kernel>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no kernel \"sse\"; there are avx512, avx2, neon and scalar"
    );
    assert_eq!(Kernel::available().last(), Some(Kernel::Scalar));
    assert!(Kernel::best().is_available());
    let is_everywhere = cfg!(target_arch = "aarch64");
    assert_eq!(Kernel::available().any(|kernel| kernel == Kernel::Neon), is_everywhere);
}
