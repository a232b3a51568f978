#ifndef TEXT_H
#define TEXT_H

/* A copy of at most `size` characters of the text, without blanks around it. The caller frees it. */
char *text_cut(const char *text, int size);

/* The first word of a line, and where the rest of the line begins. The line is changed. */
char *text_word(char *line, char **rest);

#endif
