"""What the machine could do at best, for the other rows to be held against. Needs nothing but Python."""

SIZE, REPEAT = 2_048, 8
COPY_BYTES = 1 << 30


def run(ground, table) -> None:
    machine = ground.peer("machine", "peer_machine.py", ground.threads)
    try:
        for do, what, unit in (
            ("product", f"ceiling: f32 product of {SIZE} × {SIZE}", "GFLOP/s"),
            ("product8", f"ceiling: product of bytes of {SIZE} × {SIZE}", "GOP/s"),
        ):
            found = ground.stage.timed(machine, do, size=SIZE, repeat=REPEAT)
            # A ceiling is the best that was ever seen.
            speed = found["operations"] / min(found["ms"]) / 1e6
            ground.facts[do] = speed
            table.report(what, "", f"{speed:,.0f} {unit}")
        found = ground.stage.timed(machine, "copy", bytes=COPY_BYTES, repeat=REPEAT)
        moved = found["moved"] / min(found["ms"]) / 1e6
        table.report("ceiling: copying 1 GiB, bytes read and written", "", f"{moved:,.1f} GB/s")
    finally:
        ground.stage.drop(machine)
