"use strict";
// Makes a button of each column's title in tables with `data-sortable`, which sorts the rows by that column.
(() => {
  const texts = new Intl.Collator("en", { numeric: true });
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const figure = cell.querySelector("[data-value]");
    return figure ? Number(figure.dataset.value) : cell.textContent;
  };
  // What is not defined comes last, whatever the direction.
  const compare = (one, other, direction) => {
    if (typeof one === "string") return direction * texts.compare(one, other);
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
    return direction * (one - other);
  };
  const sort = (table, column, heading) => {
    const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, column), row]);
    rows.sort((one, other) => compare(one[0], other[0], direction));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(table, column, heading));
      heading.replaceChildren(button);
    });
  }
})();
