"""Step 06 (paper, section 5, Figures 3 and 4): what the first layer listens for.

Reads networks, spectrograms and clips; notebook 06 writes a table of all filters, which 06b reads.

- `kernels`: the shapes of kernels. `twins`: the same kernel in two networks.
- `criteria`: criteria by which filters are selected, and their comparison with control networks.
- `events`: moments in clips: strokes, sustained tones, stops.
- `responses`: where and when filters answer.
- `controls`: networks trained on a permuted target.
- `ablation`: filters silenced, and what that costs. `time_order`: frames in another order.
- `claims`: the paper's claims on filters.
"""
