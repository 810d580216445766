"""The look of the studio: warm paper, ink, and one accent; system fonts only, so nothing is fetched."""

from __future__ import annotations

import pathlib

import gradio as gr

from .. import report

STYLE = pathlib.Path(__file__).with_name("studio.css")
ICON = pathlib.Path(__file__).resolve().parents[2] / "assets" / "ui" / "icon.svg"
TEXT = ["-apple-system", "Segoe UI Variable Text", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans"]
CHINESE = ["PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "system-ui", "sans-serif"]

PERSIMMON = gr.themes.Color(
    name="persimmon",
    c50="#fff5f0",
    c100="#ffe6da",
    c200="#ffcab3",
    c300="#ffa782",
    c400="#f98055",
    c500="#e0592c",
    c600="#c2441b",
    c700="#a23616",
    c800="#802c15",
    c900="#652613",
    c950="#371007",
)
STONE = gr.themes.Color(
    name="stone",
    c50="#fbf9f5",
    c100="#f4f0e9",
    c200="#e8e1d6",
    c300="#d4cabb",
    c400="#a99d8c",
    c500="#7a6f62",
    c600="#5b5249",
    c700="#443d36",
    c800="#2b2622",
    c900="#1e1a17",
    c950="#151210",
)


LOOK = {  # gradio's variables: * names a colour of the palette above, _dark the same at night
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": "*neutral_800",
    "body_text_color_dark": "*neutral_100",
    "body_text_color_subdued": "*neutral_500",
    "body_text_color_subdued_dark": "*neutral_400",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_100",
    "background_fill_secondary_dark": "*neutral_800",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_title_text_weight": "600",
    "block_title_text_color": "*neutral_700",
    "block_title_text_color_dark": "*neutral_200",
    "block_info_text_color": "*neutral_500",
    "block_info_text_color_dark": "*neutral_400",
    "border_color_primary": "*neutral_200",
    "border_color_primary_dark": "*neutral_700",
    "border_color_accent": "*primary_500",
    "color_accent": "*primary_600",
    "color_accent_soft": "*primary_50",
    "color_accent_soft_dark": "#33211a",
    "input_background_fill": "white",
    "input_background_fill_dark": "*neutral_900",
    "input_border_width": "1px",
    "input_border_width_dark": "1px",
    "button_border_width": "1px",
    "button_border_width_dark": "1px",
    "button_primary_border_color": "*primary_600",
    "button_primary_border_color_dark": "*primary_600",
    "checkbox_label_border_width": "1px",
    "checkbox_label_border_width_dark": "1px",
    "input_border_color": "*neutral_300",
    "input_border_color_dark": "*neutral_700",
    "input_border_color_focus": "*primary_500",
    "input_border_color_focus_dark": "*primary_400",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_background_fill_hover_dark": "*primary_500",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "white",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_dark": "*neutral_800",
    "button_secondary_background_fill_hover_dark": "*neutral_700",
    "button_secondary_border_color": "*neutral_300",
    "button_secondary_border_color_dark": "*neutral_600",
    "button_secondary_text_color": "*neutral_800",
    "button_secondary_text_color_dark": "*neutral_100",
    "button_cancel_background_fill": "white",
    "button_cancel_background_fill_dark": "*neutral_800",
    "button_cancel_border_color": "*primary_600",
    "button_cancel_border_color_dark": "*primary_400",
    "button_cancel_text_color": "*primary_700",
    "button_cancel_text_color_dark": "*primary_300",
    "button_large_text_weight": "600",
    "button_medium_text_weight": "600",
    "button_small_text_weight": "500",
    "slider_color": "*primary_600",
    "slider_color_dark": "*primary_400",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_background_color_selected_dark": "*primary_500",
    "checkbox_border_color_selected": "*primary_600",
    "checkbox_border_color_selected_dark": "*primary_500",
    "checkbox_label_background_fill": "white",
    "checkbox_label_background_fill_dark": "*neutral_900",
    "checkbox_label_background_fill_selected": "*primary_50",
    "checkbox_label_background_fill_selected_dark": "#33211a",
    "checkbox_label_border_color": "*neutral_300",
    "checkbox_label_border_color_dark": "*neutral_700",
    "checkbox_label_border_color_selected": "*primary_600",
    "checkbox_label_border_color_selected_dark": "*primary_400",
    "panel_background_fill": "white",
    "panel_background_fill_dark": "*neutral_900",
    "loader_color": "*primary_600",
}


# Shuffle answers at once, also while the model is still being opened: the wall begins to breathe until it is redrawn.
BREATHE = """<script>document.addEventListener('click', event => {
  if (event.target.closest('#shuffle')) document.querySelector('#wall .wall')?.classList.add('waiting');
});</script>"""


def head() -> str:
    """What goes into the page's head. The style stands here because gradio rewrites what it is given as css."""
    look = "".join(style.read_text(encoding="utf-8") for style in (STYLE, report.STYLE))
    return f'<meta name="color-scheme" content="light dark"><style>{look}</style>{BREATHE}'


def theme() -> gr.themes.Base:
    """Our theme. Fonts are plain strings: gradio's bundled SemiBold files have no letters in them."""
    paper = gr.themes.Base(
        primary_hue=PERSIMMON,
        secondary_hue=PERSIMMON,
        neutral_hue=STONE,
        radius_size=gr.themes.sizes.radius_lg,
        font=TEXT + CHINESE,
        font_mono=["ui-monospace", "SF Mono", "Consolas", "Liberation Mono", "monospace"],
    )
    return paper.set(**LOOK)
