# Reads one line of culprit.txt as data; nothing of the solver's runs.
[[ -f culprit.txt ]] || exit 1
[[ $(head -c 200 culprit.txt | head -n 1 | tr -d '[:space:]') == 8b6ed7479c30f1ffbc030c6bb24473e142b2a3f0 ]]
