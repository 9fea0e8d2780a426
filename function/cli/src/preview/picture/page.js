"use strict";
(() => {
  const root = document.documentElement;
  const svg = document.querySelector(".platform");
  const nodes = [...svg.querySelectorAll(".node[data-id]")];
  const stations = [...svg.querySelectorAll(".station")];
  const arrows = [...svg.querySelectorAll(".arrow[data-from]")];
  const search = document.getElementById("search");
  const found = document.getElementById("found");

  const look = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = new Set();
    for (const node of [...nodes, ...stations]) {
      const isMatch = words.length > 0 && words.every((word) => node.dataset.searched.includes(word));
      node.classList.toggle("match", isMatch);
      if (isMatch) matches.add(node.dataset.id ?? node);
    }
    for (const arrow of arrows) {
      arrow.classList.toggle("match", matches.has(arrow.dataset.from) && matches.has(arrow.dataset.to));
    }
    svg.classList.toggle("searching", words.length > 0);
    found.textContent = words.length > 0 ? `${matches.size} found` : "";
  };
  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const first = nodes.find((node) => node.classList.contains("match") && node.href);
    if (first) location.hash = first.getAttribute("href");
  });

  const layers = [...document.querySelectorAll("input[name=layer]")];
  const show = () => {
    for (const layer of layers) {
      svg.classList.toggle(`show-${layer.value}`, layer.checked);
      svg.classList.toggle(`hide-${layer.value}`, !layer.checked);
    }
  };
  layers.forEach((layer) => layer.addEventListener("change", show));

  const choose = () => {
    const id = location.hash.slice(1);
    for (const node of nodes) node.classList.toggle("chosen", node.dataset.id === id);
    for (const arrow of arrows) {
      arrow.classList.toggle("touched", arrow.dataset.from === id || arrow.dataset.to === id);
    }
    svg.classList.toggle("chosen-one", nodes.some((node) => node.dataset.id === id));
    const section = id && document.getElementById(id);
    if (!section) return;
    const manifests = section.querySelectorAll("details");
    if (manifests.length === 1) manifests[0].open = true;
    section.scrollTop = 0;
    section.focus({ preventScroll: true });
    // The panel about a part takes room beside the picture, so the node of the part is scrolled into view.
    const node = nodes.find((node) => node.dataset.id === id);
    if (node) node.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  addEventListener("hashchange", choose);
  // A page address may name a part, as in `#part-3`. The panel about the part has its width only after loading.
  addEventListener("load", choose);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && location.hash.length > 1) {
      const node = nodes.find((node) => node.dataset.id === location.hash.slice(1));
      location.hash = "";
      if (node) node.focus();
    }
  });

  const theme = document.getElementById("theme");
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
  };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);

  name();
  show();
  look();
})();
