// Before anything is painted: the theme and the language that were chosen here before.
(function () {
  var root = document.documentElement;
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    var lang = localStorage.getItem("lang");
    if (lang === "en" || lang === "zh-Hans") root.lang = lang;
  } catch (e) {
    // Nothing is kept where the browser keeps nothing.
  }
})();
