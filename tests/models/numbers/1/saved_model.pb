Ñ
þÐ
.
Identity

input"T
output"T"	
Ttype
C
Placeholder
output"dtype"
dtypetype"
shapeshape:
Y
StringToNumber
string_tensor
output"out_type" 
out_typetype0:

2	"serve*2.21.02v2.21.0-rc1-5-ga481b10260d¢
f
PlaceholderPlaceholder*#
_output_shapes
:ÿÿÿÿÿÿÿÿÿ*
dtype0*
shape:ÿÿÿÿÿÿÿÿÿ
b
StringToNumberStringToNumberPlaceholder*#
_output_shapes
:ÿÿÿÿÿÿÿÿÿ*
out_type0
O
IdentityIdentityPlaceholder*
T0*#
_output_shapes
:ÿÿÿÿÿÿÿÿÿ"ª*¨
serving_default”
%
s 
Placeholder:0ÿÿÿÿÿÿÿÿÿ(
n#
StringToNumber:0ÿÿÿÿÿÿÿÿÿ%
text

Identity:0ÿÿÿÿÿÿÿÿÿtensorflow/serving/predict