"""The diagnosis for people (HTML, text) and for programs (JSON).

Each form has its own module, because the HTML report needs a chart library
that the others do not: `analysis.report.html.render_html`,
`analysis.report.text.render_text`, `analysis.report.json_.render_json`.
"""
