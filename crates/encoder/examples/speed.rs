//! Scratch timing.
fn main() {
    use clinqa_encoder::*;
    let folder = std::env::args().nth(1).unwrap();
    let t = std::time::Instant::now();
    let mut c = Checkpoint::open(&Source::Folder(folder.into())).unwrap();
    let t1 = t.elapsed();
    let m = c.transformer().unwrap();
    eprintln!("open {t1:?} layout {:?}", t.elapsed() - t1);
    for (n, l) in [(1usize, 16usize), (1, 256), (32, 128), (10, 384)] {
        let s: Vec<Sequence> = (0..n).map(|i| Sequence { ids: (0..l).map(|j| 1000 + ((i * 977 + j * 131) % 20000) as u32).collect(), types: vec![0; l] }).collect();
        let c0 = cpu(); let rounds = if n * l < 300 { 60 } else { 9 };
        let mut times: Vec<f64> = (0..rounds).map(|_| { let t = std::time::Instant::now(); std::hint::black_box(m.forward(&s).unwrap()); t.elapsed().as_secs_f64() }).collect();
        times.sort_by(f64::total_cmp);
        let med = times[rounds / 2];
        let used = (cpu() - c0) / rounds as f64;
        eprintln!("{n} x {l}: median {:.2} ms min {:.2} ms, {:.0} tokens/s; {:.0} tokens per CPU s", med * 1e3, times[0] * 1e3, (n * l) as f64 / med, (n*l) as f64 / used);
    }
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
