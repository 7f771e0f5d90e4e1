//! Transforms bring points where they belong, and warping moves pixels by the same rule.

use super::*;

/// Distance between two points.
fn apart(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Red grows to the right, green downwards; blue is constant.
fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let share = |at: u32, side: u32| (at as f32 / side as f32 * 250.0) as u8;
        Rgb([share(x, width), share(y, height), 77])
    })
}

#[test]
fn the_fit_recovers_a_known_rotation_scale_and_shift() {
    let known = SimilarityTransform::new(0.37, 0.9, [200.0, 100.0], [56.0, 56.0]);
    let back = known.inverse();
    let landmarks = ARCFACE_CHIP.points.map(|point| back.apply(point));
    let fitted = SimilarityTransform::fit(&landmarks, &ARCFACE_CHIP.points);
    for (from, to) in landmarks.iter().zip(&ARCFACE_CHIP.points) {
        assert!(apart(fitted.apply(*from), *to) < 0.01, "{fitted:?}");
    }
    assert!((fitted.scale() - 0.37).abs() < 1e-4);
}

#[test]
fn the_fit_never_mirrors() {
    let mirrored = DLIB_CHIP.points.map(|[x, y]| [-x, y]);
    let fitted = SimilarityTransform::fit(&mirrored, &DLIB_CHIP.points);
    let [origin, right, down] = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].map(|p| fitted.apply(p));
    let turn = (right[0] - origin[0]) * (down[1] - origin[1])
        - (right[1] - origin[1]) * (down[0] - origin[0]);
    assert!(turn >= 0.0, "orientation is kept: {fitted:?}");
}

#[test]
fn landmarks_that_coincide_give_a_finite_black_or_plain_chip() {
    let image = gradient(50, 50);
    for point in [[10.0, 10.0], [-4e6, 9e6]] {
        let chip = ARCFACE_CHIP.cut(&image, &[point; 5]);
        assert_eq!(chip.dimensions(), (112, 112));
    }
}

#[test]
fn the_inverse_undoes_the_transform() {
    let transform = SimilarityTransform::new(2.5, -1.2, [3.0, 4.0], [50.0, 60.0]);
    let there_and_back = transform.inverse().apply(transform.apply([17.0, -5.0]));
    assert!(apart(there_and_back, [17.0, -5.0]) < 1e-3);
    assert!(apart(transform.apply([3.0, 4.0]), [50.0, 60.0]) < 1e-4);
}

#[test]
fn warping_by_nothing_changes_nothing() {
    let image = gradient(40, 30);
    let same = SimilarityTransform::new(1.0, 0.0, [0.0, 0.0], [0.0, 0.0]);
    assert_eq!(warp(&image, &same, 40, 30), image);
}

#[test]
fn what_lies_outside_the_image_is_black() {
    let image = RgbImage::from_pixel(10, 10, Rgb([200, 200, 200]));
    let shift = SimilarityTransform::new(1.0, 0.0, [0.0, 0.0], [5.0, 5.0]);
    let moved = warp(&image, &shift, 20, 20);
    assert_eq!(moved.get_pixel(4, 10).0, [0; 3]);
    assert_eq!(moved.get_pixel(5, 10).0, [200; 3]);
    assert_eq!(moved.get_pixel(14, 14).0, [200; 3]);
    assert_eq!(moved.get_pixel(15, 14).0, [0; 3]);
}

#[test]
fn halfway_between_pixels_is_their_mean() {
    let image = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8 * 100; 3]));
    let shift = SimilarityTransform::new(1.0, 0.0, [0.5, 0.0], [0.0, 0.0]);
    assert_eq!(warp(&image, &shift, 1, 1).get_pixel(0, 0).0, [50; 3]);
}

#[test]
fn a_strong_reduction_keeps_positions_and_averages_detail_away() {
    for side in [801, 1000, 1503] {
        let image = gradient(side, side);
        let scale = 50.0 / side as f32;
        let shrink = SimilarityTransform::new(scale, 0.0, [-0.5, -0.5], [-0.5, -0.5]);
        let small = warp(&image, &shrink, 50, 50);
        for at in [2, 25, 47] {
            let [red, green, blue] = small.get_pixel(at, 25).0;
            let expected = (at as f32 + 0.5) / 50.0 * 250.0;
            assert!((f32::from(red) - expected).abs() <= 3.0, "{side}: {red} at {at}");
            assert!((f32::from(green) - 127.5).abs() <= 3.0 && blue == 77, "{side}");
        }
    }
    let checkers = RgbImage::from_fn(512, 512, |x, y| Rgb([((x + y) % 2) as u8 * 255; 3]));
    let shrink = SimilarityTransform::new(0.2, 0.0, [256.0, 256.0], [50.0, 50.0]);
    let small = warp(&checkers, &shrink, 100, 100);
    assert!(small.pixels().all(|pixel| pixel.0[0].abs_diff(128) <= 1));
}

#[test]
fn a_reduction_reaches_only_the_part_in_view() {
    let image = gradient(4000, 40);
    let corner = SimilarityTransform::new(0.1, 0.0, [3990.0, 20.0], [9.0, 5.0]);
    let (part, _) = reduce(&image, corner.inverse(), 10, 10);
    assert!(part.width() < 100, "{:?}", part.dimensions());
    let seen = warp(&image, &corner, 10, 10).get_pixel(8, 5).0[0];
    assert!(seen.abs_diff(248) <= 2, "{seen}");
}

#[test]
fn a_view_beside_the_image_is_black() {
    let image = gradient(100, 100);
    for scale in [1.0, 0.1] {
        let beside = SimilarityTransform::new(scale, 0.0, [9000.0, 9000.0], [0.0, 0.0]);
        assert!(warp(&image, &beside, 8, 8).pixels().all(|pixel| pixel.0 == [0; 3]));
    }
}
