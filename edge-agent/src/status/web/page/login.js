"use strict";
// The words of the login page, and whether the last attempt was wrong.
for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
document.getElementById("wrong").hidden = !location.search.includes("wrong");
