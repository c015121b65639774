"""How an answer came about: maps by gradient and by covering, near training pictures, a look inside."""
