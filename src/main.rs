use std::path::Path;
fn main() {
    for f in std::env::args().skip(1) {
        match gatecrash::scenario::read::read(Path::new(&f)) {
            Ok(_) => println!("{f}: ok"),
            Err(m) => {
                for d in m.diagnostics {
                    println!("{}\n", d.render(&m.text, gatecrash::scenario::diagnostic::Style::Plain))
                }
            }
        }
    }
}
