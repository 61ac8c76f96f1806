/// How lists and live pages look, beside what all documents share.
enum LiveStyle {
  static let css = """
    header { max-width: 82rem; margin: 0 auto; padding: .5rem 1.25rem 0; }
    main { padding-top: 0; } .runs td:first-child { width: 1.5rem; min-width: 0; }
    #search { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
    #search input { flex: 1 1 12rem; max-width: 36rem; }
    input[type=search], button { font: inherit; padding: .35rem .6rem; border-radius: .3rem;
      border: 1px solid var(--line); background: var(--box); color: var(--ink); }
    button { cursor: pointer; } button:disabled { color: var(--pale); cursor: default; }
    #compare { position: sticky; top: 0; }
    .hint { color: var(--pale); font-size: .85rem; margin: .4rem 0; max-width: none; }
    .runs { width: 100%; } .runs td { vertical-align: middle; }
    .runs thead a { color: inherit; text-decoration: none; }
    .runs thead a:hover { text-decoration: underline; }
    .runs td:nth-child(2) { overflow-wrap: anywhere; min-width: 8rem; }
    .runs td, .runs th { white-space: nowrap; } .runs td:nth-child(2) { white-space: normal; }
    .runs tbody tr:hover { background: var(--box); }
    .runs progress { display: block; width: 100%; min-width: 6rem; height: .3rem; }
    small { color: var(--pale); }
    .state { padding: .1rem .5rem; border-radius: 1rem; background: var(--box); font-size: .85rem;
      white-space: nowrap; }
    .running { background: #0b6e4f; color: #ffffff; } .finished { color: var(--pale); }
    .interrupted { background: var(--warn); } .not-finite { background: #a4262c; color: #ffffff; }
    #banner { padding: .5rem 1rem; background: var(--warn); }
    .trouble { padding: .5rem 1rem; background: var(--warn); }
    .status { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center; }
    .status progress { flex: 1 1 10rem; max-width: 20rem; }
    @media (max-width: 50rem) { .more { display: none; }
      .runs td, .runs th { padding-right: .5rem; min-width: 0; } }
    @media (max-width: 36rem) { header { padding: .5rem .75rem 0; } }
    @media print { #search, #compare, .hint { display: none; } }

    """
}
